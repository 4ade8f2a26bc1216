//! Starts [`ws_proto_fuzz::deflate`] on what the fuzzer chooses.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws_proto_fuzz::deflate(data));
