//! `lacuna export`: the head for other programs.

use super::Outputs;
use super::head::HeadArgs;
use clap::Args;
use std::path::PathBuf;

/// Writes a head as ONNX; PyTorch loads head.safetensors of its folder as it is
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    #[command(flatten)]
    head: HeadArgs,
    /// ONNX file to write
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// Replaces an existing file
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "Examples:
  lacuna export --model head --onnx head.onnx

Opset 17. Input `features` [rows, D], outputs `logits` and `probabilities`
[rows, C], 32-bit floats. The metadata has the names of the classes and the
thresholds. A division of rows by their norm is part of the graph. For
PyTorch, docs/extract.md has the five lines that load head.safetensors.

Exit codes: 0 done, 2 invalid command line, file, or a head that ONNX cannot
hold (calibrated by isotonic tables).";

/// Exports.
///
/// # Errors
/// A head that cannot be read or that ONNX cannot hold, and a file that is there already.
pub fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let model = args.head.load()?;
    let read = ["head.json", "head.safetensors"].map(|name| args.head.model.join(name)).to_vec();
    model.save_onnx(Outputs::new(args.force, read).to(&args.onnx)?)?;
    let (features, classes) = (model.features(), model.classes().len());
    let value = serde_json::json!({"onnx": args.onnx, "opset": 17, "features": features, "classes": classes});
    let text = format!(
        "{}: opset 17, features [rows, {features}] -> logits, probabilities [rows, {classes}]\n",
        args.onnx.display()
    );
    args.head.print.show(&text, &value)
}
