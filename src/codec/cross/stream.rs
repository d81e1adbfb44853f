//! A stream on its way from one dialect into another.

use bytes::Bytes;

use super::Asker;
use crate::codec::tee::StreamFault;
use crate::types::Dialect;

/// Translates one stream. What comes out are whole events of the client's dialect.
pub struct StreamCrossing {}

impl StreamCrossing {
    /// From the provider's dialect to the client's.
    pub fn new(from: Dialect, asker: Asker) -> Self {
        todo!()
    }

    /// Takes the next bytes of the provider's stream and returns what the client gets now. After a fault the stream must
    /// not be fed further: what follows for the client is an error event (`error_event`).
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Bytes, StreamFault> {
        todo!()
    }

    /// The provider's stream is over and was finished well: the closing events, where its end mark did not bring them yet.
    pub fn finish(&mut self) -> Bytes {
        todo!()
    }
}
