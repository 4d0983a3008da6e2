//! Tests of the queue on the simulated disk: a book kept beside it says what must be there.

mod basics;
mod broken;
mod damage;
mod faults;
mod model;
mod policies;
mod rig;
