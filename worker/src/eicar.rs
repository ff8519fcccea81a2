//! The EICAR test file, which every virus scanner knows and which harms nobody: with it a scanner proves that it scans.
//!
//! It is put together at run time, so that scanners do not find it in our own program and sources.

/// The 68 bytes.
pub(crate) fn eicar() -> Vec<u8> {
    let halves = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];
    halves.concat().into_bytes()
}

/// A small mail with nothing but that file in it.
pub(crate) fn eicar_mail() -> Vec<u8> {
    let head = "From: canary@mailweir.invalid\r\nSubject: canary\r\nMIME-Version: 1.0\r\n\
                Content-Type: application/octet-stream\r\n\
                Content-Disposition: attachment; filename=eicar.com\r\n\r\n";
    [head.as_bytes(), &eicar(), b"\r\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_file_that_scanners_know() {
        // Its sum, so that the file does not stand here either.
        let sum = eicar().iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
        assert_eq!((eicar().len(), sum), (68, 3_748_918_718));
    }
}
