// Channels one at a time, for rows of any length.

const LANES: u32 = 1u;
alias Lanes = f32;
alias Stored = Value;

fn across(x: Lanes) -> f32 {
    return x;
}
