//! Looking over the tape's shoulder: one hook for timing, tracing and checking.

use crate::Shape;
use std::sync::{Arc, Mutex};

/// Told about every node as it is recorded and as it is differentiated.
///
/// A tape without an observer pays one branch per node.
pub trait Observer: Send {
    /// A node was recorded and its value computed.
    fn recorded(&mut self, _event: &Recorded<'_>) {}
    /// A node's gradient was complete and has been passed on to its inputs.
    fn differentiated(&mut self, _event: &Differentiated<'_>) {}
}

/// A node that was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// Position on the tape.
    pub index: usize,
    /// Name of the operation.
    pub op: &'static str,
    /// Scope it was recorded in; empty outside any.
    pub scope: &'a str,
    /// Shape of its value.
    pub shape: Shape,
    /// Its value.
    pub value: &'a [f32],
}

/// A node that was differentiated.
#[derive(Clone, Copy, Debug)]
pub struct Differentiated<'a> {
    /// Position on the tape.
    pub index: usize,
    /// Name of the operation.
    pub op: &'static str,
    /// Scope it was recorded in; empty outside any.
    pub scope: &'a str,
    /// Shape of its value.
    pub shape: Shape,
    /// Gradient of the loss with respect to its value.
    pub grad: &'a [f32],
}

/// Where a NaN or an infinity first appeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// `true` for a value, `false` for a gradient.
    pub in_value: bool,
    /// Name of the operation.
    pub op: &'static str,
    /// Scope it was recorded in.
    pub scope: String,
    /// Position on the tape.
    pub index: usize,
    /// Element of the value or gradient.
    pub element: usize,
}

/// An observer that remembers the first operation that made a NaN or an infinity.
///
/// ```
/// use lacuna_engine::{FirstNonFinite, Tape};
///
/// let mut tape = Tape::new();
/// tape.seal();
/// let (observer, found) = FirstNonFinite::new();
/// tape.observe(Some(Box::new(observer)));
/// let x = tape.input([2], &[1.0, 0.0]);
/// tape.scope("entropy", |tape| tape.ln(x));
/// let first = found.lock().unwrap().clone().unwrap();
/// assert_eq!((first.op, first.scope.as_str(), first.element), ("ln", "entropy", 1));
/// ```
pub struct FirstNonFinite(Arc<Mutex<Option<NonFinite>>>);

impl FirstNonFinite {
    /// The observer, and the place where its finding will stand.
    pub fn new() -> (Self, Arc<Mutex<Option<NonFinite>>>) {
        let found = Arc::new(Mutex::new(None));
        (Self(found.clone()), found)
    }

    fn look(&self, in_value: bool, op: &'static str, scope: &str, index: usize, numbers: &[f32]) {
        let mut found = self.0.lock().expect("no observer panics while it holds the lock");
        if found.is_none()
            && let Some(element) = numbers.iter().position(|x| !x.is_finite())
        {
            *found = Some(NonFinite { in_value, op, scope: scope.to_string(), index, element });
        }
    }
}

impl Observer for FirstNonFinite {
    fn recorded(&mut self, event: &Recorded<'_>) {
        self.look(true, event.op, event.scope, event.index, event.value);
    }

    fn differentiated(&mut self, event: &Differentiated<'_>) {
        self.look(false, event.op, event.scope, event.index, event.grad);
    }
}
