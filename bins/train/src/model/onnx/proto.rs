//! The part of Protocol Buffers and of `onnx.proto` that a head needs.
//!
//! A message is a sequence of fields; a field is its number times 8 plus the kind of its value (0: a varint, 2: bytes with their
//! length, 5: four bytes), then the value. Messages inside a message are bytes.

/// Types of elements in `onnx.proto`.
pub(super) const FLOAT: i64 = 1;
const INT64: i64 = 7;
pub(super) const DOUBLE: i64 = 11;

/// A message that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn int(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    pub(super) fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    pub(super) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(super) fn message(self, field: u64, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }
}

/// An attribute of a node.
#[derive(Clone, Debug)]
pub(super) enum Attribute {
    Int(i64),
    Float(f32),
    Ints(Vec<i64>),
}

/// AttributeProto: name 1, f 2, i 3, ints 8, type 20.
pub(super) fn attribute(name: &str, value: &Attribute) -> Message {
    let message = Message::default().text(1, name);
    match value {
        Attribute::Float(value) => message.float(2, *value).int(20, 1),
        Attribute::Int(value) => message.int(3, *value).int(20, 2),
        Attribute::Ints(values) => values.iter().fold(message, |message, v| message.int(8, *v)).int(20, 7),
    }
}

/// NodeProto: input 1, output 2, name 3, op_type 4, attribute 5.
pub(super) fn node(op: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) -> Message {
    let message = inputs.iter().fold(Message::default(), |message, input| message.text(1, input));
    let message = message.text(2, output).text(3, output).text(4, op);
    attributes.iter().fold(message, |message, (name, value)| message.message(5, &attribute(name, value)))
}

/// TensorProto: dims 1, data_type 2, name 8, raw_data 9.
fn tensor(name: &str, dims: &[usize], kind: i64, raw: &[u8]) -> Message {
    let message = dims.iter().fold(Message::default(), |message, size| message.int(1, *size as i64));
    message.int(2, kind).text(8, name).bytes(9, raw)
}

/// A tensor of 32-bit floats.
pub(super) fn floats(name: &str, dims: &[usize], values: &[f32]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, dims, FLOAT, &raw)
}

/// A 64-bit float, as a tensor of one.
pub(super) fn double(name: &str, value: f64) -> Message {
    tensor(name, &[1], DOUBLE, &value.to_le_bytes())
}

/// A tensor of 64-bit integers.
pub(super) fn integers(name: &str, values: &[i64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, &[values.len()], INT64, &raw)
}

/// ValueInfoProto of a matrix of 32-bit floats with any number of rows.
pub(super) fn matrix(name: &str, columns: usize) -> Message {
    let rows = Message::default().text(2, "rows");
    let columns = Message::default().int(1, columns as i64);
    let shape = Message::default().message(1, &rows).message(1, &columns);
    let of_tensor = Message::default().int(1, FLOAT).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &of_tensor))
}
