//! Starts [`ws_proto_fuzz::frames`] on what the fuzzer chooses.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws_proto_fuzz::frames(data));
