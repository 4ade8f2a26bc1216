//! Uses `ws-headers` and nothing else, in a program that knows no WebSocket: builds the head of an
//! HTTP request, looks things up and meets the two errors.

use ws_headers::{Headers, InvalidHeaderField};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut headers = Headers::new();
    headers.insert("Host", "example.com")?;
    headers.insert("Accept", "text/html")?;
    headers.insert("ACCEPT", "text/plain")?;
    println!("{:?} {}", headers.get("host")?, headers.len());
    println!("{}", headers.get("aCCept").unwrap_err());
    println!("{:?}", headers.get_all("accept").collect::<Vec<_>>());
    match headers.insert("X-Note", "two\r\nlines: yes") {
        Err(InvalidHeaderField::Value(error)) => println!("{}", error.name),
        other => println!("injected: {other:?}"),
    }
    println!("{:?}", String::from_utf8(headers.serialize())?);
    println!("{} {}", headers.remove("accept"), headers.contains("Accept"));
    Ok(())
}
