// `Lanes` are those of singles.wgsl or quads.wgsl.

fn gelu(x: Lanes) -> Lanes {
    return x * normal_below(x);
}

// Probability of a normal variable below x, by the error function of Abramowitz and Stegun, 7.1.26: off by less than 1e-7.
fn normal_below(x: Lanes) -> Lanes {
    let z = abs(x) * 0.70710678;
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    let beyond = 0.5 * polynomial * exp(-z * z);
    return select(1.0 - beyond, beyond, x < Lanes(0.0));
}
