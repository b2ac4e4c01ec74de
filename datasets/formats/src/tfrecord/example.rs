//! The part of protocol buffers that a `tf.Example` needs: `Example.features.feature`, a map of lists.

use std::collections::BTreeMap;

/// One value of the map.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Floats(Floats<'a>),
    Integers(Integers<'a>),
}

/// 32-bit floats, packed or one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Floats<'a> {
    message: &'a [u8],
    count: usize,
}

/// Integers, packed or one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Integers<'a> {
    message: &'a [u8],
    packed: &'a [u8],
}

/// A row.
pub(super) struct Example<'a> {
    values: BTreeMap<&'a str, Value<'a>>,
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const FIXED32: u8 = 5;

/// A field: number, wire type and what it holds; the value is in `number` if it is a varint.
struct Field<'a> {
    field: u64,
    wire: u8,
    bytes: &'a [u8],
    number: u64,
}

/// Takes the first field off a message; `None` at its end.
fn field<'a>(message: &mut &'a [u8]) -> Result<Option<Field<'a>>, String> {
    if message.is_empty() {
        return Ok(None);
    }
    let key = varint(message)?;
    let (field, wire) = (key >> 3, (key & 7) as u8);
    let mut take = |count: u64| {
        let count = usize::try_from(count).ok().filter(|count| *count <= message.len());
        let (bytes, rest) = message.split_at(count.ok_or("a field extends beyond the end of its example")?);
        *message = rest;
        Ok::<_, String>(bytes)
    };
    Ok(Some(match wire {
        VARINT => Field { field, wire, bytes: &[], number: varint(message)? },
        FIXED64 => Field { field, wire, bytes: take(8)?, number: 0 },
        FIXED32 => Field { field, wire, bytes: take(4)?, number: 0 },
        LENGTH => {
            let count = varint(message)?;
            let count = usize::try_from(count).ok().filter(|count| *count <= message.len());
            let (bytes, rest) =
                message.split_at(count.ok_or("a field extends beyond the end of its example")?);
            *message = rest;
            Field { field, wire, bytes, number: 0 }
        }
        _ => return Err(format!("unsupported wire type {wire}")),
    }))
}

fn varint(message: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first().ok_or("an example ends inside a number")?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("a number has more than 64 bits".into())
}

/// The first field of this number that has a length.
fn inner(mut message: &[u8], wanted: u64) -> Result<Option<&[u8]>, String> {
    while let Some(field) = field(&mut message)? {
        if field.field == wanted && field.wire == LENGTH {
            return Ok(Some(field.bytes));
        }
    }
    Ok(None)
}

impl<'a> Example<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut features = inner(bytes, 1)?.ok_or("a record is not a tf.Example: it has no features")?;
        let mut values = BTreeMap::new();
        while let Some(entry) = field(&mut features)? {
            if entry.field != 1 || entry.wire != LENGTH {
                continue;
            }
            let key = inner(entry.bytes, 1)?.unwrap_or_default();
            let key = std::str::from_utf8(key).map_err(|_| "the name of a list is not valid UTF-8")?;
            let mut value = inner(entry.bytes, 2)?.unwrap_or_default();
            // One of three lists, each with its values in field 1.
            if let Some(list) = field(&mut value)?
                && list.wire == LENGTH
                && let Some(value) = Value::of(list.field, list.bytes)?
            {
                values.insert(key, value);
            }
        }
        Ok(Self { values })
    }

    pub(super) fn get(&self, name: &str) -> Option<Value<'a>> {
        self.values.get(name).copied()
    }

    /// Names of the lists of floats.
    pub(super) fn floats(&self) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(|(_, value)| matches!(value, Value::Floats(_))).map(|(name, _)| *name)
    }
}

impl<'a> Value<'a> {
    fn of(kind: u64, list: &'a [u8]) -> Result<Option<Self>, String> {
        Ok(match kind {
            1 => inner(list, 1)?.map(Value::Bytes),
            2 => Some(Value::Floats(Floats::of(list)?)),
            3 => Some(Value::Integers(Integers { message: list, packed: &[] })),
            _ => None,
        })
    }
}

impl<'a> Floats<'a> {
    /// Checks every field once, so that reading cannot fail.
    fn of(list: &'a [u8]) -> Result<Self, String> {
        let (mut message, mut count) = (list, 0);
        while let Some(field) = field(&mut message)? {
            match (field.field, field.wire) {
                (1, LENGTH) if field.bytes.len().is_multiple_of(4) => count += field.bytes.len() / 4,
                (1, FIXED32) => count += 1,
                (1, _) => return Err("a list of floats has values of another type".into()),
                _ => {}
            }
        }
        Ok(Self { message: list, count })
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = f32> + use<'a> {
        let mut message = self.message;
        let fields = std::iter::from_fn(move || field(&mut message).ok().flatten());
        let values = fields.filter(|field| field.field == 1).flat_map(|field| field.bytes.chunks_exact(4));
        values.map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes")))
    }
}

impl Iterator for Integers<'_> {
    type Item = Result<u64, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if !self.packed.is_empty() {
                return Some(varint(&mut self.packed));
            }
            match field(&mut self.message) {
                Err(problem) => {
                    self.message = &[];
                    return Some(Err(problem));
                }
                Ok(None) => return None,
                Ok(Some(field)) if field.field == 1 && field.wire == VARINT => return Some(Ok(field.number)),
                Ok(Some(field)) if field.field == 1 && field.wire == LENGTH => self.packed = field.bytes,
                Ok(Some(_)) => {}
            }
        }
    }
}
