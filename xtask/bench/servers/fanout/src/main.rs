//! Sends each message that anybody sends to everybody, in a plain loop over the connections:
//! `fanout ADDR` with our library, `--writes` as a loop of bare writes of bytes prepared once (the
//! limit), `--tungstenite` with tokio-tungstenite.

mod ours;
mod tungstenite;
mod writes;

use echo_common::args_from;

fn main() {
    let flag = |name: &str| std::env::args().any(|word| word == name);
    let args = args_from(
        std::env::args()
            .skip(1)
            .filter(|word| !["--writes", "--tungstenite"].contains(&word.as_str())),
    );
    if flag("--writes") {
        writes::run(args);
    } else if flag("--tungstenite") {
        tungstenite::run(args);
    } else {
        ours::run(args);
    }
}
