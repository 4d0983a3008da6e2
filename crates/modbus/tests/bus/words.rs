//! A unit that keeps the registers that it was given.

use std::sync::{Arc, Mutex};

use huitian_modbus::{Answer, Request, Sampled, Unit};
use huitian_model::UtcMs;

/// Answers, shared with the test.
pub type Seen = Arc<Mutex<Vec<Vec<u16>>>>;

/// One request, and the words of its answers.
pub struct Words {
    id: u8,
    request: Request,
    seen: Seen,
}

impl Words {
    #[expect(clippy::new_ret_no_self, reason = "the line takes units in boxes")]
    pub fn new(id: u8, request: Request) -> (Box<dyn Unit>, Seen) {
        let seen = Seen::default();
        let unit = Self {
            id,
            request,
            seen: Arc::clone(&seen),
        };
        (Box::new(unit), seen)
    }
}

impl Unit for Words {
    fn id(&self) -> u8 {
        self.id
    }

    fn requests(&self) -> &[Request] {
        std::slice::from_ref(&self.request)
    }

    fn on_answer(&mut self, _request: Request, answer: &Answer, _at: UtcMs) {
        if let Answer::Words(words) = answer {
            self.seen.lock().unwrap().push(words.clone());
        }
    }

    fn on_exception(&mut self, _request: Request, _code: u8) {}

    fn finish(&mut self, _at: UtcMs) -> Vec<Sampled> {
        Vec::new()
    }
}
