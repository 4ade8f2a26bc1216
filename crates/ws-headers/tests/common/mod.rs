//! Head of a request with which a browser opens a WebSocket.

/// Twelve lines, as Chromium sends them from a page behind a login.
pub(crate) const BROWSER_REQUEST: &str = "\
Host: chat.example.com\r\n\
Connection: Upgrade\r\n\
Cache-Control: no-cache\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
Upgrade: websocket\r\n\
Origin: https://chat.example.com\r\n\
Sec-WebSocket-Version: 13\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9,fr;q=0.8\r\n\
Cookie: session=4f6b0c1d9a7e4f0c8b3a5d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a; theme=dark; lang=en; consent=all\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
