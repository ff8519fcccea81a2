//! Addresses that a mail names: nobody asks them.

use harness::client::Client;
use harness::mails::TestMail;
use harness::next_hop::NextHop;
use harness::system::{Mode, System};
use harness::zip::zip;
use tokio::net::TcpListener;

use super::TWO;

/// A mail in which everything that some reader would fetch is at `at`.
fn pointing(at: &str) -> TestMail {
    let url = format!("http://{at}/x");
    let relation = format!("<Relationship TargetMode=\"External\" Target=\"{url}\"/>");
    let document = zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/_rels/document.xml.rels", relation.as_bytes()),
        ("link.url", format!("[InternetShortcut]\r\nURL={url}\r\n").as_bytes()),
    ]);
    let document = harness::mails::base64_lines(&document);
    let html =
        format!("<html><base href=\"{url}\"><img src=\"{url}\"><iframe src=\"{url}\"></iframe></html>");
    let entity = format!("<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY y SYSTEM \"{url}\">]><x>&y;</x>");
    TestMail::new().content(format!(
        "Content-Type: multipart/mixed; boundary=b\r\nList-Unsubscribe: <{url}>\r\n\r\n\
         --b\r\nContent-Type: message/external-body; access-type=URL; URL=\"{url}\"\r\n\r\nContent-Type: a/b\r\n\r\n\
         --b\r\nContent-Type: text/html\r\nContent-Location: {url}\r\n\r\n{html}\r\n\
         --b\r\nContent-Type: text/xml\r\n\r\n{entity}\r\n\
         --b\r\nContent-Type: application/zip; name=a.docx\r\nContent-Transfer-Encoding: base64\r\n\r\n{document}\r\n\
         --b--\r\n"
    ))
}

#[tokio::test]
async fn nothing_that_a_mail_names_is_asked() {
    let _place = harness::machine::light().await;
    let internal = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = internal.local_addr().unwrap().to_string();
    let hop = NextHop::smtp().await;
    let rules = "[attachments]\nextensions = []\n";
    let configuration = format!("{TWO}{rules}");
    let mut system =
        System::build(Mode::Standalone, &hop.target()).configuration(&configuration).start().await;
    let mail = pointing(&address);
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    hop.only_mail().await;
    // Ended, it can ask nobody any more.
    assert!(system.scanner().process.terminate().await.success());
    // Who had asked would be first in the queue of the listener.
    let ours = tokio::net::TcpStream::connect(&address).await.unwrap();
    let (_, first) = internal.accept().await.unwrap();
    assert_eq!(first, ours.local_addr().unwrap());
}
