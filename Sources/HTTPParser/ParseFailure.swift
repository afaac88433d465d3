// What was wrong with a message, where, and which status answers it.
//
// All parsers of this module report failures with this one type; the server turns it into an
// error response and closes. It carries no bytes of the peer, so it is safe to log and to send.

/// The first rule a message breaks.
package struct ParseFailure: Error, Equatable, Sendable {
    /// Which rule.
    package var reason: Reason
    /// The offset of the offending byte in the bytes given to the parser.
    package var offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// The rules, in the order of a message: request line, fields, framing, target, body.
    package enum Reason: UInt8, Sendable, CaseIterable {
        case leadingLines, methodCharacter, methodTooLong
        case targetCharacter, targetTooLong, versionMalformed, versionUnsupported
        case statusLine, reasonCharacter
        case bareCarriageReturn, bareLineFeed
        case foldedField, fieldName, fieldNameSpace, fieldValueCharacter
        case headTooLarge, tooManyFields
        case hostMissing, hostRepeated, hostMalformed
        case contentLengthMalformed, contentLengthRepeated, contentLengthWithTransferEncoding
        case transferEncodingMalformed, transferEncodingUnknown, transferEncodingInHTTP10
        case targetForm, targetAuthority, targetPath, percentEncoding
        case chunkSize, chunkExtension, chunkExtensionTooLarge, chunkLineEnd, chunkDataEnd
        case trailerField, trailerTooLarge, bodyTooLarge
        case scannersDisagree
    }

    /// The status code to answer with: 400, 413, 414, 431, 501 or 505 (RFC 9110 section 15).
    package var status: Int {
        switch reason {
        case .methodTooLong, .transferEncodingUnknown: 501
        case .targetTooLong: 414
        case .versionUnsupported: 505
        case .headTooLarge, .tooManyFields, .trailerTooLarge: 431
        case .bodyTooLarge: 413
        default: 400
        }
    }

    /// One sentence for the error message, without any byte of the peer.
    package var explanation: StaticString {
        switch reason {
        case .leadingLines: "too many empty lines before the request line"
        case .methodCharacter: "the method is not a token followed by one space"
        case .methodTooLong: "the method is longer than any known one"
        case .targetCharacter: "the request target is empty or holds a forbidden byte"
        case .targetTooLong: "the request target is too long"
        case .versionMalformed: "the version is not HTTP/ digit dot digit"
        case .versionUnsupported: "only HTTP/1 is spoken here"
        case .statusLine: "the status line is malformed"
        case .reasonCharacter: "the reason phrase holds a control byte"
        case .bareCarriageReturn: "a carriage return is not followed by a line feed"
        case .bareLineFeed: "a line feed is not preceded by a carriage return"
        case .foldedField: "a header line starts with white space"
        case .fieldName: "a header name is empty or holds a forbidden byte"
        case .fieldNameSpace: "white space stands before the colon of a header"
        case .fieldValueCharacter: "a header value holds a control byte"
        case .headTooLarge: "the header section is too large"
        case .tooManyFields: "there are too many header lines"
        case .hostMissing: "the Host header is missing"
        case .hostRepeated: "the Host header is repeated"
        case .hostMalformed: "the Host header is not a host with an optional port"
        case .contentLengthMalformed: "Content-Length is not a decimal number"
        case .contentLengthRepeated: "Content-Length is repeated"
        case .contentLengthWithTransferEncoding: "Content-Length stands beside Transfer-Encoding"
        case .transferEncodingMalformed: "Transfer-Encoding is not exactly chunked"
        case .transferEncodingUnknown: "only the chunked transfer coding is known"
        case .transferEncodingInHTTP10: "Transfer-Encoding is not part of HTTP/1.0"
        case .targetForm: "this form of request target does not go with the method"
        case .targetAuthority: "the authority of the request target is malformed"
        case .targetPath: "the path or query holds a byte that must be percent-encoded"
        case .percentEncoding: "a percent sign is not followed by two hexadecimal digits"
        case .chunkSize: "a chunk size is not a hexadecimal number"
        case .chunkExtension: "a chunk extension is malformed"
        case .chunkExtensionTooLarge: "the chunk extensions are too large"
        case .chunkLineEnd: "a chunk size line does not end in CRLF"
        case .chunkDataEnd: "chunk data is not followed by CRLF"
        case .trailerField: "a trailer line is malformed"
        case .trailerTooLarge: "the trailer section is too large"
        case .bodyTooLarge: "the body is too large"
        case .scannersDisagree: "the message could not be parsed"
        }
    }
}
