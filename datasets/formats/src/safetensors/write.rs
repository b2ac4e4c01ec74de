//! Writing files of tensors.

use super::header::{METADATA, TensorKind};
use crate::{Destination, FormatError, NpyArray, shown, write_atomic};
use std::io::{self, Write};
use std::path::Path;

/// Writes tensors, whole or not at all. The data start at a multiple of 8 bytes, the widest types come first, and
/// tensors of one type are ordered by name, as the format's own writers do; text cannot be a tensor.
///
/// # Errors
/// [`FormatError::Unwritable`] for text, for two tensors or two entries of metadata of one name and for more than 4,096
/// entries, [`FormatError::Exists`] where there is a file already, [`FormatError::Io`].
pub fn write_safetensors<'a>(
    destination: impl Into<Destination<'a>>,
    tensors: &[(&str, &NpyArray)],
    metadata: &[(&str, &str)],
) -> Result<(), FormatError> {
    let destination = destination.into();
    let write = safetensors_writer(destination.path(), tensors, metadata)?;
    write_atomic(destination, write).map_err(FormatError::writing(destination.path()))
}

/// What [`write_safetensors`] writes, for [`write_atomic_all`](crate::write_atomic_all); `path` is the file that an error names.
///
/// # Errors
/// [`FormatError::Unwritable`].
pub fn safetensors_writer<'a>(
    path: &Path,
    tensors: &[(&'a str, &'a NpyArray)],
    metadata: &[(&str, &str)],
) -> Result<impl FnOnce(&mut dyn Write) -> io::Result<()> + use<'a>, FormatError> {
    let refuse = |problem| Err(FormatError::Unwritable { path: path.into(), problem });
    for (i, (key, _)) in metadata.iter().enumerate() {
        if i == METADATA {
            return refuse(format!("{} entries of metadata exceed the limit of {METADATA}", metadata.len()));
        }
        if metadata[..i].iter().any(|(other, _)| other == key) {
            return refuse(format!("the metadata have two entries `{}`", shown(key)));
        }
    }
    let mut order = Vec::new();
    for (i, (name, array)) in tensors.iter().enumerate() {
        if tensors[..i].iter().any(|(other, _)| other == name) || *name == "__metadata__" {
            return refuse(format!("duplicate tensor name `{}`, or one is __metadata__", shown(name)));
        }
        // Names are kept as NumPy keeps text, which has no zeros at its end.
        if name.ends_with('\0') {
            return refuse(format!("the tensor name `{}` ends with a zero, which is lost", shown(name)));
        }
        let kind = array.data().kind();
        let Some((code, _)) = TensorKind::ALL.iter().find(|(_, known)| *known == TensorKind::Of(kind)) else {
            return refuse(format!("`{}` is text, which cannot be a tensor", shown(name)));
        };
        order.push((std::cmp::Reverse(kind.bytes().unwrap_or(0)), *name, *code, *array));
    }
    order.sort_by_key(|&(width, name, code, _)| (width, code, name));
    let quoted = |text: &str| serde_json::to_string(text).expect("text turns into JSON");
    let mut parts = Vec::new();
    if !metadata.is_empty() {
        let texts: Vec<String> =
            metadata.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
        parts.push(format!("\"__metadata__\":{{{}}}", texts.join(",")));
    }
    let mut at = 0;
    for (width, name, code, array) in &order {
        let end = at + array.data().len() * width.0;
        parts.push(format!(
            "{}:{{\"dtype\":\"{code}\",\"shape\":{:?},\"data_offsets\":[{at},{end}]}}",
            quoted(name),
            array.shape()
        ));
        at = end;
    }
    let mut header = format!("{{{}}}", parts.join(","));
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    Ok(move |file: &mut dyn Write| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        order.iter().try_for_each(|(.., array)| array.write_elements_to(file))
    })
}
