//! Names of classes, for messages.

use crate::shown;
use lacuna_formats::Strings;

/// The names of the classes of a part, some of which may have none.
#[derive(Clone, Copy)]
pub(crate) struct ClassNames<'a>(pub(crate) &'a Strings);

impl ClassNames<'_> {
    /// The name as it is, or `class 3`.
    pub(crate) fn name(self, class: usize) -> String {
        self.0.get(class).map_or_else(|| format!("class {class}"), String::from)
    }

    /// The name as a message shows it: ``class 3 (`cat`)``.
    pub(crate) fn shown(self, class: usize) -> String {
        match self.0.get(class) {
            // Names that a reader made up.
            Some(name) if name != format!("class {class}") => format!("class {class} (`{}`)", shown(name)),
            _ => format!("class {class}"),
        }
    }

    /// The first five of some classes, separated by commas.
    pub(crate) fn some(self, classes: impl Iterator<Item = usize>) -> String {
        let mut classes = classes.map(|class| self.shown(class));
        let mut names: Vec<String> = classes.by_ref().take(5).collect();
        if classes.next().is_some() {
            names.push("...".into());
        }
        names.join(", ")
    }
}
