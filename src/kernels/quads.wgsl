// Channels four at a time, for rows of a multiple of four.

const LANES: u32 = 4u;
alias Lanes = vec4<f32>;
alias Stored = vec4<Value>;

fn across(x: Lanes) -> f32 {
    return dot(x, Lanes(1.0));
}
