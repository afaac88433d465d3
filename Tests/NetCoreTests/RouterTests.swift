// From method and path to a route.

import HTTPParser
import Testing

@testable import NetCore

@Suite("Router")
struct RouterTests {
    private func makeRouter() -> Router {
        Router([
            (.get, "/", 0),
            (.get, "/v1/services", 1),
            (.post, "/v1/services", 2),
            (.get, "/v1/services/{name}", 3),
            (.delete, "/v1/services/{name}", 4),
            (.post, "/v1/services/{name}/start", 5),
            (.get, "/v1/services/events", 6),
            (.get, "/a/{x}/b/{y}/c/{z}", 7),
        ])
    }

    private func look(_ method: HTTPMethod, _ path: String) -> (Router.Outcome, [String]) {
        let bytes = Array("x\(path)?q".utf8)
        var parameters = RouteParameters(repeating: ByteRange())
        let outcome = makeRouter().match(
            method, bytes.span, path: ByteRange(from: 1, to: 1 + path.utf8.count),
            parameters: &parameters)
        let texts = (0..<3).map { index in
            String(
                decoding: bytes[parameters[index].lower..<parameters[index].end], as: UTF8.self)
        }
        return (outcome, texts.filter { !$0.isEmpty })
    }

    @Test("literal paths find their route by method")
    func literals() {
        #expect(look(.get, "/").0 == .found(0))
        #expect(look(.get, "/v1/services").0 == .found(1))
        #expect(look(.post, "/v1/services").0 == .found(2))
    }

    @Test("parameters are given in the order of the path, as sent")
    func parameters() {
        #expect(look(.get, "/v1/services/web") == (.found(3), ["web"]))
        #expect(look(.post, "/v1/services/web/start") == (.found(5), ["web"]))
        #expect(look(.get, "/a/1/b/22/c/333") == (.found(7), ["1", "22", "333"]))
    }

    @Test("a literal segment comes before a parameter")
    func literalFirst() {
        #expect(look(.get, "/v1/services/events") == (.found(6), []))
        #expect(look(.get, "/v1/services/eventsx") == (.found(3), ["eventsx"]))
        #expect(look(.get, "/v1/services/event") == (.found(3), ["event"]))
    }

    @Test("an encoded slash stays in its segment")
    func encodedSlash() {
        #expect(look(.get, "/v1/services/a%2Fstart") == (.found(3), ["a%2Fstart"]))
        #expect(look(.get, "/v1%2Fservices").0 == .notFound)
    }

    @Test(
        "what is no path of the tree is not found",
        arguments: [
            "", "v1", "//", "/v1", "/v1/", "/v1/services/", "/v1//services", "/v1/services//start",
            "/v1/services/web/", "/v1/services/web/start/", "/v1/services/web/stop", "/V1/services",
            "/v1/services/web/start/x", "/a/1/b/2/c", "/a//b//c/",
        ])
    func notFound(path: String) {
        #expect(look(.get, path).0 == .notFound)
        #expect(look(.other, path).0 == .notFound)
    }

    @Test("another method of a known path is refused with the methods it has")
    func methods() {
        #expect(look(.put, "/v1/services").0 == .methodNotAllowed([.get, .post]))
        #expect(look(.other, "/v1/services/web").0 == .methodNotAllowed([.get, .delete]))
        #expect(look(.get, "/v1/services/web/start").0 == .methodNotAllowed([.post]))
    }

    @Test("HEAD finds the route of GET, and none where there is no GET")
    func head() {
        #expect(look(.head, "/v1/services").0 == .found(1))
        #expect(look(.head, "/v1/services/web/start").0 == .methodNotAllowed([.post]))
    }
}
