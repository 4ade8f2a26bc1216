//! Our own code over memory, with nothing around it that costs: what `instructions` counts and
//! `codec` times.

pub mod codec;
pub mod echo;
pub mod wire;
