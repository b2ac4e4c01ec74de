//! The lines of the engine that compute an operation.

static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/operations.rs"));

/// Lines of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lines {
    /// Number of the first, from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Where an operation is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    pub(crate) file: &'static str,
    pub(crate) forward: Lines,
    pub(crate) backward: Lines,
}

/// The lines of an operation of the table.
pub(crate) fn of(op: &str) -> Option<Source> {
    FILES.iter().find_map(|(file, text)| written_out(file, text, op).or_else(|| in_a_table(file, text, op)))
}

/// Lines of `text` from byte `start` on, up to and with the line that is `last`, without what all are indented by.
fn lines(text: &str, start: usize, last: &str) -> Option<Lines> {
    let end = start + text[start..].find(&format!("\n{last}\n"))? + last.len() + 1;
    let lines: Vec<&str> = text[start..end].lines().collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let least = lines.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let text_of = lines.iter().map(|line| line.get(least..).unwrap_or("")).collect::<Vec<_>>().join("\n");
    Some(Lines { line: text[..start].matches('\n').count() + 1, text: text_of })
}

/// An operation with functions `forward` and `backward` of its own.
fn written_out(file: &'static str, text: &str, op: &str) -> Option<Source> {
    let name = text.find(&format!("const NAME: &'static str = \"{op}\";"))?;
    let function = |name_of: &str| {
        let start = name + text[name..].find(&format!("    fn {name_of}("))?;
        // A function of one line ends where it begins.
        let first = text[start..].lines().next()?;
        if first.ends_with("{}") {
            return Some(Lines {
                line: text[..start].matches('\n').count() + 1,
                text: first.trim().to_string(),
            });
        }
        lines(text, start, "    }")
    };
    Some(Source { file, forward: function("forward")?, backward: function("backward")? })
}

/// An operation that is an entry of a macro: its lines `forward:` and those of its slopes.
fn in_a_table(file: &'static str, text: &str, op: &str) -> Option<Source> {
    let entry = text.find(&format!(", {op}, \""))?;
    let start = text[..entry].rfind("\n    ")? + 1;
    let end = start + text[start..].find("\n}\n")?;
    let from = |key: &str| Some(start + text[start..end].find(&format!("\n    {key}"))? + 1);
    let (forward, slopes) = (from("forward:")?, from("slope of ").or_else(|| from("da:"))?);
    let reference = from("reference:")?;
    let part = |from: usize, to: usize| Lines {
        line: text[..from].matches('\n').count() + 1,
        text: text[from..to]
            .lines()
            .map(|line| line.strip_prefix("    ").unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    Some(Source { file, forward: part(forward, slopes), backward: part(slopes, reference) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_engine::OPS;

    #[test]
    fn every_operation_has_its_lines() {
        for op in OPS {
            let source = of(op.name).unwrap_or_else(|| panic!("no lines of {}", op.name));
            let text = FILES.iter().find(|(file, _)| *file == source.file).unwrap().1;
            for part in [source.forward, source.backward] {
                let first = text.lines().nth(part.line - 1).unwrap();
                assert_eq!(first.trim(), part.text.lines().next().unwrap().trim(), "{}", op.name);
                assert!(part.text.len() < 4_000, "{}: {} bytes", op.name, part.text.len());
            }
        }
    }

    #[test]
    fn the_product_is_quoted() {
        let source = of("matmul").unwrap();
        assert_eq!(source.file, "engine/autograd/src/ops/matmul.rs");
        assert!(source.backward.text.contains("a.transposed(), g, db"), "{}", source.backward.text);
        let source = of("sigmoid").unwrap();
        assert!(
            source.forward.text.contains("math::sigmoid") && source.backward.text.contains("slope of both")
        );
    }
}
