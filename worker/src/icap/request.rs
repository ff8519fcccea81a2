//! What goes to an ICAP server: OPTIONS, and RESPMOD with the mail as the body of an HTTP response, in chunks that are
//! slices of the content.

use std::io::IoSlice;

use proto::Endpoint;

/// Most bytes of a chunk.
const CHUNK_BYTES_MAX: usize = 64 * 1024;
/// In front of a full chunk.
const FULL: &[u8] = b"10000\r\n";
/// Behind a chunk.
const CRLF: &[u8] = b"\r\n";

/// How a row of chunks ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The content ends here, or the preview of it.
    Plain,
    /// The preview was all.
    All,
}

impl End {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Plain => b"0\r\n\r\n",
            Self::All => b"0; ieof\r\n\r\n",
        }
    }
}

/// Where a service is, and what it is told of us.
#[derive(Clone, Debug)]
pub(super) struct Service<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// Its path, without a slash in front.
    pub(super) path: &'a str,
}

impl Service<'_> {
    /// Asks what it can.
    pub(super) fn options(&self) -> Vec<u8> {
        let mut request = self.start("OPTIONS");
        request.push_str("Encapsulated: null-body=0\r\n\r\n");
        request.into_bytes()
    }

    /// The head of a request that has `bytes` of content behind it; `name` tells mails apart in the server's log.
    pub(super) fn respmod(
        &self,
        name: &str,
        bytes: usize,
        preview: Option<usize>,
        allows_204: bool,
    ) -> Vec<u8> {
        // Some services look into nothing that has no request before it.
        let http_request =
            format!("GET http://mail.invalid/{name}.eml HTTP/1.1\r\nHost: mail.invalid\r\n\r\n");
        let http_response =
            format!("HTTP/1.1 200 OK\r\nContent-Type: message/rfc822\r\nContent-Length: {bytes}\r\n\r\n");
        let mut request = self.start("RESPMOD");
        if allows_204 {
            request.push_str("Allow: 204\r\n");
        }
        if let Some(preview) = preview {
            request.push_str(&format!("Preview: {preview}\r\n"));
        }
        let response_at = http_request.len();
        let body_at = response_at + http_response.len();
        request
            .push_str(&format!("Encapsulated: req-hdr=0, res-hdr={response_at}, res-body={body_at}\r\n\r\n"));
        request.push_str(&http_request);
        request.push_str(&http_response);
        request.into_bytes()
    }

    fn start(&self, method: &str) -> String {
        let (authority, path) = (self.authority(), self.path);
        format!(
            "{method} icap://{authority}/{path} ICAP/1.0\r\nHost: {authority}\r\nUser-Agent: Mailweir\r\n"
        )
    }

    fn authority(&self) -> String {
        match self.endpoint {
            Endpoint::Tcp { .. } => self.endpoint.to_string(),
            Endpoint::Unix(_) => "localhost".into(),
        }
    }
}

/// The line in front of the last chunk of `content`; the slices borrow it.
pub(super) fn last_size(content: &[u8]) -> String {
    format!("{:x}\r\n", content.len() % CHUNK_BYTES_MAX)
}

/// `head`, then `content` in chunks, then the end.
pub(super) fn slices<'a>(
    head: &'a [u8],
    content: &'a [u8],
    last_size: &'a str,
    end: End,
) -> Vec<IoSlice<'a>> {
    let chunks = content.chunks(CHUNK_BYTES_MAX);
    let mut slices = Vec::with_capacity(3 * chunks.len() + 2);
    slices.push(IoSlice::new(head));
    for chunk in chunks {
        let size = if chunk.len() == CHUNK_BYTES_MAX { FULL } else { last_size.as_bytes() };
        slices.extend([size, chunk, CRLF].map(IoSlice::new));
    }
    slices.push(IoSlice::new(end.bytes()));
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_point_at_what_they_say() {
        let endpoint = "127.0.0.1:1344".parse().unwrap();
        let service = Service { endpoint: &endpoint, path: "avscan" };
        let request = service.respmod("x", 42, Some(30), true);
        let text = String::from_utf8(request).unwrap();
        let (head, http) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("RESPMOD icap://127.0.0.1:1344/avscan ICAP/1.0\r\nHost: 127.0.0.1:1344\r\n")
        );
        assert!(head.contains("\r\nAllow: 204\r\nPreview: 30\r\n"), "{head}");
        let offsets = head.rsplit_once("\r\nEncapsulated: ").unwrap().1;
        let offset = |name: &str| -> usize {
            let (_, value) = offsets.split_once(&format!("{name}=")).unwrap();
            value.split(',').next().unwrap().parse().unwrap()
        };
        assert_eq!(offset("req-hdr"), 0);
        assert!(http[offset("res-hdr")..].starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(http[..offset("res-hdr")].ends_with("\r\n\r\n"));
        assert_eq!(offset("res-body"), http.len());
    }

    #[test]
    fn every_size_around_a_chunk_comes_out_as_it_went_in() {
        for size in [0, 1, CHUNK_BYTES_MAX - 1, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1, 3 * CHUNK_BYTES_MAX] {
            let content: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let last = last_size(&content);
            let slices = slices(b"", &content, &last, End::Plain);
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            assert!(unframed(&bytes) == content, "{size}");
        }
    }

    fn unframed(mut bytes: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let end = bytes.windows(2).position(|two| two == b"\r\n").unwrap();
            let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
            let rest = &bytes[end + 2..];
            content.extend_from_slice(&rest[..size]);
            assert!(rest[size..].starts_with(b"\r\n"));
            bytes = &rest[size + 2..];
            if size == 0 {
                assert!(bytes.is_empty());
                return content;
            }
        }
    }
}
