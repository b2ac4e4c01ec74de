//! Pictures of rows: files of a folder that are called as the rows are. They are linked, never copied.

use std::path::{Component, Path, PathBuf};

/// A folder of pictures, or none.
#[derive(Clone, Debug, Default)]
pub struct Pictures(Option<PathBuf>);

impl Pictures {
    /// The pictures of a folder.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// The picture of a row. A name that leads out of the folder has none.
    pub fn path(&self, row: &str) -> Option<PathBuf> {
        let inside = Path::new(row).components().all(|part| matches!(part, Component::Normal(_)));
        let path = self.0.as_ref().filter(|_| inside && !row.is_empty())?.join(row);
        path.is_file().then_some(path)
    }

    /// The address of a picture for a page in `folder`: relative, with `/`, escaped as addresses are.
    pub fn link(&self, row: &str, folder: &Path) -> Option<String> {
        let of = |path: &Path| path.canonicalize().ok();
        let base = of(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
        // The folder is resolved and not the picture, which may be a link out of it.
        self.path(row)?;
        let path = of(self.0.as_ref()?)?.join(row);
        let (base, parts): (Vec<_>, Vec<_>) = (base.components().collect(), path.components().collect());
        let same = base.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        let up = std::iter::repeat_n("..".to_string(), base.len() - same);
        let down = parts[same..].iter().map(|part| percent(&part.as_os_str().to_string_lossy()));
        Some(up.chain(down).collect::<Vec<_>>().join("/"))
    }
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(byte as char),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative_and_stay_inside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("my images");
        std::fs::create_dir_all(images.join("sub")).unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        std::fs::write(images.join("sub/a \"b\".jpg"), "x").unwrap();
        std::fs::write(folder.path().join("secret.jpg"), "x").unwrap();
        let pictures = Pictures::new(Some(images));
        let link = pictures.link("sub/a \"b\".jpg", &folder.path().join("out"));
        assert_eq!(link.as_deref(), Some("../my%20images/sub/a%20%22b%22.jpg"));
        assert_eq!(pictures.path("../secret.jpg"), None);
        assert_eq!(pictures.path(folder.path().join("secret.jpg").to_str().unwrap()), None);
        assert_eq!(Pictures::default().path("a"), None);
    }
}
