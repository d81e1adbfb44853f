//! Structs without the names of their fields: `{"a":1,"b":2}` is stored as `[   7,1,2]`, where shape 7 is `["a","b"]`, kept once in
//! the database. Half the bytes and half the CPU of plain JSON, still JSON, and it reads back after fields come and go.
//! Sequences are stored with shape 0; maps and enum variants as the JSON objects they are.

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::{Error, Map, Value};

/// The names of a struct's fields as they were written; skipped ones are left out.
pub(super) type Names = Vec<&'static str>;

/// A struct's fields, and the number they are stored under.
#[derive(Debug)]
struct Shape {
    hash: u64,
    names: Names,
    digits: [u8; 4],
}

/// Writes values compactly; owns the buffers and the shapes this process has met.
#[derive(Debug, Default)]
pub(super) struct Pen {
    text: Vec<u8>,
    names: Names,
    shapes: Vec<Shape>,
    unknown: Vec<Names>,
}

impl Pen {
    /// Writes a value. The text counts only when no shape came up unknown.
    pub(super) fn write(&mut self, value: &impl Serialize) -> Result<(), Error> {
        self.text.clear();
        self.names.clear();
        value.serialize(&mut *self)
    }

    /// As `write`, but as plain JSON.
    pub(super) fn write_plain(&mut self, value: &impl Serialize) -> Result<(), Error> {
        self.text.clear();
        serde_json::to_writer(&mut self.text, value)
    }

    /// What was written.
    pub(super) fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.text).map_err(Error::custom)
    }

    /// The shapes that came up without an id, once.
    pub(super) fn take_unknown(&mut self) -> Vec<Names> {
        std::mem::take(&mut self.unknown)
    }

    /// Gives a shape its id.
    pub(super) fn learn(&mut self, names: Names, id: u32) -> Result<(), Error> {
        let digits = format!("{id:4}").into_bytes();
        let digits =
            digits.try_into().map_err(|_| Error::custom("more shapes than four digits can number"))?;
        self.shapes.push(Shape { hash: hash_of(&names), names, digits });
        Ok(())
    }

    /// Ids given in a transaction that was rolled back hold no longer.
    pub(super) fn forget(&mut self) {
        self.shapes.clear();
        self.unknown.clear();
    }

    fn scalar(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        serde_json::to_writer(&mut self.text, value)
    }

    fn begin(&mut self) -> Open<'_> {
        self.text.push(b'[');
        let id_at = self.text.len();
        self.text.extend_from_slice(SEQUENCE);
        Open { id_at, first_name: self.names.len(), pen: self, variant: false }
    }

    fn begin_variant(&mut self, variant: &'static str) -> Result<Open<'_>, Error> {
        self.text.push(b'{');
        self.scalar(variant)?;
        self.text.push(b':');
        Ok(Open { variant: true, ..self.begin() })
    }

    /// Fills in the id of the shape whose names lie from `first_name` on.
    fn name_shape(&mut self, id_at: usize, first_name: usize) {
        let names = &self.names[first_name..];
        let hash = hash_of(names);
        // A few dozen at most: looking through them beats hashing.
        match self.shapes.iter().find(|shape| shape.hash == hash && is_same(&shape.names, names)) {
            Some(shape) => self.text[id_at..id_at + SEQUENCE.len()].copy_from_slice(&shape.digits),
            None => self.unknown.push(names.to_vec()),
        }
        self.names.truncate(first_name);
    }
}

/// The shape of a sequence, and the room for any other shape's number.
const SEQUENCE: &[u8; 4] = b"   0";

/// By where the names lie, not by their text: a field's name stays in its place as long as the program runs.
fn hash_of(names: &[&'static str]) -> u64 {
    names.iter().fold(0, |hash: u64, name| {
        let place = (name.as_ptr() as u64).rotate_left(16) ^ name.len() as u64;
        (hash.rotate_left(5) ^ place).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

fn is_same(known: &[&'static str], names: &[&'static str]) -> bool {
    known.len() == names.len() && known.iter().zip(names).all(|(known, name)| std::ptr::eq(*known, *name))
}

/// A struct or sequence that is being written.
pub(super) struct Open<'p> {
    pen: &'p mut Pen,
    id_at: usize,
    first_name: usize,
    variant: bool,
}

impl Open<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.pen.text.push(b',');
        value.serialize(&mut *self.pen)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.pen.names.push(name);
        self.item(value)
    }

    fn close(self) -> Result<(), Error> {
        self.pen.text.push(b']');
        if self.variant {
            self.pen.text.push(b'}');
        }
        Ok(())
    }

    fn close_struct(self) -> Result<(), Error> {
        self.pen.name_shape(self.id_at, self.first_name);
        self.close()
    }
}

/// A map that is being written.
pub(super) struct OpenMap<'p> {
    pen: &'p mut Pen,
    first: bool,
}

macro_rules! scalars {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.scalar(&value)
        })*
    };
}

impl<'p> Serializer for &'p mut Pen {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'p>;
    type SerializeTuple = Open<'p>;
    type SerializeTupleStruct = Open<'p>;
    type SerializeTupleVariant = Open<'p>;
    type SerializeMap = OpenMap<'p>;
    type SerializeStruct = Open<'p>;
    type SerializeStructVariant = Open<'p>;

    scalars!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_str: &str
    );

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.text.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.scalar(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.text.push(b'{');
        self.scalar(variant)?;
        self.text.push(b':');
        value.serialize(&mut *self)?;
        self.text.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'p>, Error> {
        Ok(self.begin())
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'p>, Error> {
        Ok(self.begin())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'p>, Error> {
        Ok(self.begin())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'p>, Error> {
        self.begin_variant(variant)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<OpenMap<'p>, Error> {
        self.text.push(b'{');
        Ok(OpenMap { pen: self, first: true })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'p>, Error> {
        Ok(self.begin())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'p>, Error> {
        self.begin_variant(variant)
    }
}

macro_rules! sequence {
    ($($kind:ident::$method:ident),*) => {
        $(impl $kind for Open<'_> {
            type Ok = ();
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }
            fn end(self) -> Result<(), Error> {
                self.close()
            }
        })*
    };
}

sequence!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! named_fields {
    ($($kind:ident),*) => {
        $(impl $kind for Open<'_> {
            type Ok = ();
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.field(name, value)
            }
            fn end(self) -> Result<(), Error> {
                self.close_struct()
            }
        })*
    };
}

named_fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for OpenMap<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        if !std::mem::replace(&mut self.first, false) {
            self.pen.text.push(b',');
        }
        let begin = self.pen.text.len();
        key.serialize(&mut *self.pen)?;
        match self.pen.text.get(begin) {
            Some(b'"') => Ok(()),
            _ => Err(Error::custom("a map's key is not a string")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.pen.text.push(b':');
        value.serialize(&mut *self.pen)
    }

    fn end(self) -> Result<(), Error> {
        self.pen.text.push(b'}');
        Ok(())
    }
}

/// Puts the names back; `None` when a shape is unknown or does not fit its values.
pub(super) fn expand(value: Value, names_of: &mut impl FnMut(u64) -> Option<Vec<String>>) -> Option<Value> {
    match value {
        Value::Array(items) => {
            let mut items = items.into_iter();
            let shape = items.next()?.as_u64()?;
            let names = if shape == 0 { None } else { Some(names_of(shape)?) };
            let values = items.map(|item| expand(item, names_of)).collect::<Option<Vec<Value>>>()?;
            match names {
                None => Some(Value::Array(values)),
                Some(names) if names.len() != values.len() => None,
                Some(names) => Some(Value::Object(names.into_iter().zip(values).collect())),
            }
        }
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| Some((name, expand(value, names_of)?)))
            .collect::<Option<Map<String, Value>>>()
            .map(Value::Object),
        scalar => Some(scalar),
    }
}
