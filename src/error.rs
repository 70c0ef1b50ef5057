//! The one error type: every variant names its thing and says what to do about it.
//!
//! `Display` is the whole message for the user; `source` keeps the cause for programs.

use std::error::Error as StdError;
use std::io;

/// What every fallible function of the crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// A cause from another crate.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Everything that can go wrong because of data, a request or the machine; mistakes of our own panic instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `manifest.json` is missing, not JSON, or contradicts itself.
    #[error(
        "the model's manifest cannot be used: {place}: {problem}. Pack or download the model again."
    )]
    BadManifest {
        /// Component and tensor, shard or file, or the path of the manifest itself.
        place: String,
        /// What is wrong there.
        problem: String,
        /// The JSON or file error, where there is one.
        #[source]
        source: Option<Cause>,
    },
    /// A shard is not what the manifest says.
    #[error("shard `{file}` {fault}. Pack or download it again.")]
    BadShard {
        /// File name of the shard, as in the manifest.
        file: String,
        /// Expected and actual.
        #[source]
        fault: ShardFault,
    },
    /// A checkpoint or manifest lacks a tensor that its config calls for.
    #[error(
        "{component} has no tensor `{tensor}`, which its config calls for. The file is incomplete or of another model."
    )]
    MissingTensor {
        /// Component (diffusers folder name).
        component: String,
        /// Name of the tensor in that place.
        tensor: String,
    },
    /// A tensor has not the shape that the config calls for.
    #[error(
        "tensor `{tensor}` of {component} has the shape {actual:?}, its config calls for {expected:?}. Config and weights are of different models."
    )]
    ShapeMismatch {
        /// Component (diffusers folder name).
        component: String,
        /// Name of the tensor in that place.
        tensor: String,
        /// Shape by the config.
        expected: Vec<usize>,
        /// Shape in the file.
        actual: Vec<usize>,
    },
    /// A tensor nobody asked for: config and weights disagree.
    #[error(
        "{component} has a tensor `{tensor}` that its config does not call for. Config and weights are of different models."
    )]
    UnexpectedTensor {
        /// Component (diffusers folder name).
        component: String,
        /// Name of the tensor in that place.
        tensor: String,
    },
    /// A checkpoint's tensors are not those that its configs call for.
    #[error(
        "the weights do not fit the configs: {}. The file is incomplete, or config and weights are of different models.",
        listed(problems)
    )]
    WrongTensors {
        /// Everything that is wrong, over all components.
        problems: Vec<TensorProblem>,
    },
    /// A checkpoint (safetensors file or diffusers folder) cannot be read.
    #[error(
        "checkpoint `{file}`{}: {problem}. Download it again, or convert it to safetensors in f32, f16 or bf16.",
        of_tensor(tensor)
    )]
    BadCheckpoint {
        /// File or folder.
        file: String,
        /// The tensor at fault, where it is one.
        tensor: Option<String>,
        /// What is wrong.
        problem: String,
        /// The underlying error, where there is one.
        #[source]
        source: Option<Cause>,
    },
    /// A LoRA cannot be read, or is for another model.
    #[error(
        "the LoRA `{lora}` cannot be used{}: {problem}. Choose one in safetensors that was made for SDXL 1.0, or go on without it.",
        of_tensor(key)
    )]
    BadLora {
        /// What it is called.
        lora: String,
        /// The tensor or module of its file at fault, where it is one.
        key: Option<String>,
        /// What is wrong.
        problem: String,
    },
    /// A component's config asks for something this program does not do, or lacks a field.
    #[error(
        "the config of {component} cannot be used: {field}: {problem}. Only models of SDXL's architecture are supported."
    )]
    BadConfig {
        /// Component (diffusers folder name).
        component: String,
        /// The field at fault.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A field of the user's request is out of range.
    #[error("{field}: {problem}")]
    BadRequest {
        /// Name of the field, as the request spells it.
        field: &'static str,
        /// What is allowed.
        problem: String,
    },
    /// The tokenizer's files cannot be used, or a prompt cannot be encoded.
    #[error("the tokenizer cannot be used: {problem}. Pack or download the model again.")]
    Tokenizer {
        /// What is wrong.
        problem: String,
        /// The underlying error, where there is one.
        #[source]
        source: Option<Cause>,
    },
    /// The user cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A file or folder cannot be read or written.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// What was tried: "read", "write", "rename"...
        action: &'static str,
        /// The path.
        path: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The browser or machine has no usable WebGPU adapter.
    #[error("no usable GPU: {problem}")]
    NoAdapter {
        /// What is missing and where to turn it on.
        problem: String,
    },
    /// A limit of the GPU is below what the work needs.
    #[error(
        "this GPU is too small: its {limit} is {available}, {needed} is needed. Try another browser or GPU, or a smaller model."
    )]
    LimitTooSmall {
        /// WebGPU's name of the limit.
        limit: &'static str,
        /// By the kernels or the model.
        needed: u64,
        /// By the adapter.
        available: u64,
    },
    /// There is not enough GPU memory.
    #[error(
        "{what} takes {} of GPU memory, {} may be used. Choose a smaller picture or a model that is packed in fewer bits, or allow more memory.",
        mebibytes(*needed),
        mebibytes(*available)
    )]
    TooLarge {
        /// What takes it.
        what: &'static str,
        /// Bytes, with the weights.
        needed: u64,
        /// Bytes that may be used.
        available: u64,
    },
    /// The numbers of a run overflowed.
    #[error(
        "{place} is not a finite number: the GPU computed wrongly, or the weights are damaged. Reload the page; pack or download the model again if it happens again."
    )]
    NotFinite {
        /// What came out so.
        place: String,
    },
    /// The finished picture cannot be written.
    #[error("the PNG cannot be written: {0}")]
    Png(#[source] png::EncodingError),
    /// The GPU failed, was lost, or is too small.
    #[error(
        "the GPU failed: {problem}. Reload the page; choose a smaller picture if it happens again."
    )]
    Device {
        /// What happened.
        problem: String,
    },
}

impl Error {
    /// The name of the JavaScript `Error` this becomes.
    pub fn code(&self) -> &'static str {
        match self {
            Error::BadManifest { .. } => "BadManifest",
            Error::BadShard { .. } => "BadShard",
            Error::MissingTensor { .. } => "MissingTensor",
            Error::ShapeMismatch { .. } => "ShapeMismatch",
            Error::UnexpectedTensor { .. } => "UnexpectedTensor",
            Error::WrongTensors { .. } => "WrongTensors",
            Error::BadCheckpoint { .. } => "BadCheckpoint",
            Error::BadLora { .. } => "BadLora",
            Error::BadConfig { .. } => "BadConfig",
            Error::BadRequest { .. } => "BadRequest",
            Error::Tokenizer { .. } => "Tokenizer",
            Error::Cancelled => "AbortError",
            Error::Io { .. } => "Io",
            Error::NoAdapter { .. } => "NoAdapter",
            Error::LimitTooSmall { .. } => "LimitTooSmall",
            Error::TooLarge { .. } => "TooLarge",
            Error::NotFinite { .. } => "NotFinite",
            Error::Png(_) => "Png",
            Error::Device { .. } => "Device",
        }
    }
}

/// A tensor that a checkpoint should have, or should not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{component} {fault} (`{tensor}`)")]
pub struct TensorProblem {
    /// Component (diffusers folder name).
    pub component: String,
    /// Name of the tensor in the checkpoint.
    pub tensor: String,
    /// What is wrong with it.
    pub fault: TensorFault,
}

/// What is wrong with a tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorFault {
    /// The config calls for it.
    #[error("lacks a tensor")]
    Missing,
    /// The config does not call for it.
    #[error("has a tensor too many")]
    Unexpected,
    /// The config calls for another shape.
    #[error("has a tensor of the shape {actual:?} instead of {expected:?}")]
    Shape {
        /// By the config.
        expected: Vec<usize>,
        /// In the file.
        actual: Vec<usize>,
    },
}

/// How a shard differs from its entry in the manifest.
#[derive(Debug, thiserror::Error)]
pub enum ShardFault {
    /// It cannot be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// The stored file has the wrong size.
    #[error("is {actual} bytes as stored, its manifest says {expected}")]
    StoredLength {
        /// By the manifest.
        expected: u64,
        /// On disk or over the network.
        actual: u64,
    },
    /// The compressed data is damaged.
    #[error("cannot be decompressed: {0}")]
    Compression(#[source] io::Error),
    /// The plain bytes are too few, or more than declared (then `actual` is where reading stopped).
    #[error("is {actual} bytes or more, its manifest says {expected}")]
    Length {
        /// By the manifest.
        expected: u64,
        /// After decompression.
        actual: u64,
    },
    /// The plain bytes have another SHA-256.
    #[error("has the SHA-256 {actual}, its manifest says {expected}")]
    Hash {
        /// By the manifest.
        expected: String,
        /// Of the bytes.
        actual: String,
    },
}

fn of_tensor(tensor: &Option<String>) -> String {
    tensor
        .as_ref()
        .map_or_else(String::new, |name| format!(", tensor `{name}`"))
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// The first few problems, and how many more there are.
fn listed(problems: &[TensorProblem]) -> String {
    const SHOWN: usize = 8;
    let shown = problems.iter().take(SHOWN).map(ToString::to_string);
    let mut list = shown.collect::<Vec<_>>().join("; ");
    if problems.len() > SHOWN {
        list += &format!("; and {} more", problems.len() - SHOWN);
    }
    list
}
