
// The sum of one value of each of a workgroup's THREADS invocations, a power of two.

var<workgroup> partial: array<f32, THREADS>;

fn total(value: f32, thread: u32) -> f32 {
    workgroupBarrier();
    partial[thread] = value;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            partial[thread] += partial[thread + half];
        }
        workgroupBarrier();
    }
    return partial[0];
}
