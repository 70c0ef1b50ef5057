// A workgroup shares one row between its threads: for GPUs. Must be kept in sync with workers.rs: ROWS.

const THREADS: u32 = 64u;
const ROWS: u32 = 1u;

var<workgroup> partial: array<f32, THREADS>;

// The sum of one value of each thread.
fn total(value: f32, thread: u32) -> f32 {
    // What was summed before may still be read.
    workgroupBarrier();
    partial[thread] = value;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < THREADS; i++) {
        sum += partial[i];
    }
    return sum;
}
