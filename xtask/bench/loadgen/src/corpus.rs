//! Seeded payloads.
pub struct Rng(u64);
impl Rng {
    pub fn new(seed: u64) -> Self {
        Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 33) % n
    }
}

pub fn binary(r: &mut Rng, n: usize) -> Vec<u8> {
    (0..n).map(|_| (r.next() >> 40) as u8).collect()
}

pub fn ascii(r: &mut Rng, n: usize) -> Vec<u8> {
    (0..n).map(|_| 32 + r.below(95) as u8).collect()
}

/// Nearly all characters are 2, 3 or 4 bytes long.
pub fn utf8(r: &mut Rng, n: usize) -> Vec<u8> {
    let mut s = String::with_capacity(n + 4);
    while s.len() + 4 <= n {
        let c = match r.below(10) {
            0..=2 => char::from_u32(0x430 + r.below(32) as u32), // Cyrillic, 2 bytes
            3..=6 => char::from_u32(0x4E00 + r.below(5000) as u32), // CJK, 3 bytes
            7 => char::from_u32(0x3041 + r.below(80) as u32),    // Hiragana, 3 bytes
            8 => char::from_u32(0x1F600 + r.below(60) as u32),   // emoji, 4 bytes
            _ => Some(' '),
        };
        s.push(c.unwrap());
    }
    while s.len() < n {
        s.push('x');
    }
    s.into_bytes()
}

const NAMES: [&str; 12] = [
    "alice", "bob", "carol", "dmitri", "emiko", "farid", "greta", "hiro", "ines", "jakob", "kwame",
    "lucía",
];
const SYMS: [&str; 8] =
    ["BTC-USD", "ETH-USD", "SOL-USD", "EUR-USD", "XAU-USD", "ADA-EUR", "DOT-EUR", "LTC-USD"];
const WORDS: [&str; 24] = [
    "the", "release", "server", "is", "ready", "for", "review", "tomorrow", "please", "check",
    "latency", "again", "after", "deploy", "thanks", "looks", "good", "we", "should", "merge",
    "it", "before", "noon", "ok",
];

fn record(r: &mut Rng, seq: u64) -> String {
    let ts = 1_790_000_000_000u64 + seq * 137 + r.below(100);
    match r.below(3) {
        0 => format!(
            "{{\"type\":\"ticker\",\"seq\":{},\"ts\":{},\"symbol\":\"{}\",\"bid\":{}.{:02},\"ask\":{}.{:02},\"volume24h\":{}.{:04},\"changePct\":{}.{:02}}}",
            seq,
            ts,
            SYMS[r.below(8) as usize],
            100 + r.below(90_000),
            r.below(100),
            100 + r.below(90_000),
            r.below(100),
            r.below(1_000_000),
            r.below(10_000),
            r.below(9),
            r.below(100)
        ),
        1 => {
            let text: Vec<&str> =
                (0..6 + r.below(14)).map(|_| WORDS[r.below(24) as usize]).collect();
            format!(
                "{{\"type\":\"message\",\"id\":\"{:016x}\",\"ts\":{},\"room\":\"room-{}\",\"from\":{{\"id\":{},\"name\":\"{}\",\"online\":{}}},\"text\":\"{}\"}}",
                r.next(),
                ts,
                r.below(50),
                r.below(100_000),
                NAMES[r.below(12) as usize],
                r.below(2) == 0,
                text.join(" ")
            )
        }
        _ => format!(
            "{{\"type\":\"event\",\"ts\":{},\"level\":\"{}\",\"service\":\"svc-{}\",\"host\":\"ip-10-0-{}-{}\",\"latency_ms\":{}.{},\"status\":{},\"path\":\"/api/v1/{}/{}\"}}",
            ts,
            ["info", "warn", "debug"][r.below(3) as usize],
            r.below(12),
            r.below(8),
            r.below(250),
            r.below(400),
            r.below(10),
            [200, 200, 200, 204, 304, 404, 500][r.below(7) as usize],
            ["users", "orders", "items"][r.below(3) as usize],
            r.below(100_000)
        ),
    }
}

/// A JSON document of about `n` bytes: one record when that is enough, else a batch.
pub fn json(r: &mut Rng, n: usize) -> Vec<u8> {
    let mut seq = r.below(1_000_000);
    if n <= 250 {
        return record(r, seq).into_bytes();
    }
    let mut s = format!("{{\"kind\":\"batch\",\"cursor\":\"{:016x}\",\"items\":[", r.next());
    loop {
        s.push_str(&record(r, seq));
        seq += 1;
        if s.len() + 2 >= n {
            break;
        }
        s.push(',');
    }
    s.push_str("]}");
    s.into_bytes()
}
