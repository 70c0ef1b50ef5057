//! The schemes that are compared.

use sdxl_web::weights::ComponentName::{self, TextEncoder, TextEncoder2, Unet};
use sdxl_web::weights::Encoding::{self, F32, Q4, Q8};
use sdxl_web::weights::inventory::{Role, Spec};
use sdxl_web::weights::scheme::encoding_of;

/// Which tensor is stored how.
pub struct Scheme {
    pub name: &'static str,
    /// What is asked of a tensor; those that no scheme quantizes stay f16, see [`encoding_of`].
    wanted: fn(ComponentName, &Spec) -> Encoding,
}

impl Scheme {
    /// Everything f32.
    pub const EXACT: Self = Self {
        name: "exact",
        wanted: |_, _| F32,
    };

    pub fn encoding(&self, component: ComponentName, spec: &Spec) -> Encoding {
        encoding_of(spec, (self.wanted)(component, spec))
    }
}

const fn scheme(name: &'static str, wanted: fn(ComponentName, &Spec) -> Encoding) -> Scheme {
    Scheme { name, wanted }
}

/// Those that differ in the UNet.
pub const OF_UNET: [Scheme; 6] = [
    scheme("Q8", |_, _| Q8),
    scheme("Q4: feed-forward", |component, spec| {
        either(component == Unet && spec.name.contains(".ff."))
    }),
    scheme("Q4: attention", |component, spec| {
        either(component == Unet && spec.name.contains(".attn"))
    }),
    scheme("Q4: transformers", |component, spec| {
        either(component == Unet && spec.name.contains(".attentions."))
    }),
    scheme("Q4: convolutions", |component, spec| {
        either(component == Unet && spec.role == Role::Convolution)
    }),
    scheme("Q4: UNet", |component, _| either(component == Unet)),
];

/// Those that differ elsewhere.
pub const OF_THE_REST: [Scheme; 2] = [
    scheme("Q4: text encoders", |component, _| {
        either(matches!(component, TextEncoder | TextEncoder2))
    }),
    scheme("Q4", |_, _| Q4),
];

fn either(four_bits: bool) -> Encoding {
    if four_bits { Q4 } else { Q8 }
}
