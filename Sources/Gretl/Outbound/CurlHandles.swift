// The library's two kinds of objects as Swift owns them, and its callbacks, which come on the
// reactor's thread within calls made here. The only file beside the shim that handles its pointers.

internal import CCurl
import NetCore

/// All transfers of one client.
@safe  // the pointers are made in init and freed in deinit; the owner's memory goes last
@ReactorActor
final class MultiHandle {
    /// Weak: freeing it calls back.
    private weak var client: HTTPSClient?
    fileprivate let owner = UnsafeMutablePointer<ccurl_owner>.allocate(capacity: 1)
    fileprivate let pointer: OpaquePointer

    init?(_ client: HTTPSClient, _ connections: Int) {
        self.client = client
        unsafe owner.initialize(to: ccurl_owner())
        guard let made = unsafe ccurl_multi_new(owner, connections) else {
            unsafe owner.deallocate()
            return nil
        }
        unsafe pointer = made
        unsafe owner.pointee.context = Unmanaged.passUnretained(self).toOpaque()
        unsafe owner.pointee.socket_wanted = { context, socket, wanted in
            unsafe MultiHandle.call(context) { $0.socketWanted(socket, MultiHandle.mask(wanted)) }
        }
        unsafe owner.pointee.socket_closes = { context, socket in
            unsafe MultiHandle.call(context) { $0.socketCloses(socket) }
        }
        unsafe owner.pointee.timeout_wanted = { context, milliseconds in
            unsafe MultiHandle.call(context) { $0.timeoutWanted(milliseconds) }
        }
    }

    isolated deinit {
        unsafe ccurl_multi_free(pointer)
        unsafe owner.deallocate()
    }

    private nonisolated static func call(
        _ context: UnsafeMutableRawPointer?, _ body: @ReactorActor (HTTPSClient) -> Void
    ) {
        guard let context = unsafe context else { return }
        // The handle is alive: the call comes from within one that was made through it.
        let handle = unsafe Unmanaged<MultiHandle>.fromOpaque(context)
        ReactorActor.assumeIsolated {
            unsafe handle._withUnsafeGuaranteedRef { handle in
                if let client = handle.client { body(client) }
            }
        }
    }

    private nonisolated static func mask(_ wanted: Int32) -> EventMask {
        var mask: EventMask = []
        if wanted & Int32(CCURL_READ) != 0 { mask.insert(.readable) }
        if wanted & Int32(CCURL_WRITE) != 0 { mask.insert(.writable) }
        return mask
    }

    func ready(_ socket: Int32, _ mask: EventMask) {
        var ready: Int32 = 0
        let failed = mask.contains(.error) || mask.contains(.hangUp)
        if failed || mask.contains(.readable) { ready |= Int32(CCURL_READ) }
        if failed || mask.contains(.writable) { ready |= Int32(CCURL_WRITE) }
        unsafe ccurl_ready(pointer, socket, ready)
    }

    func timeout() { unsafe ccurl_timeout(pointer) }

    /// A transfer the library is done with, and its code.
    func takeEnded() -> (Transfer, Int32)? {
        var code: Int32 = 0
        guard let context = unsafe ccurl_take_ended(pointer, &code) else { return nil }
        // It is alive: its handle is, and that is freed by it only.
        return (unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue(), code)
    }
}

/// One transfer.
@safe  // the pointer is made in init and freed in deinit; the library copies what it is given
@ReactorActor
final class TransferHandle {
    private let pointer: OpaquePointer
    private var isAdded = false

    init(_ transfer: Transfer, _ multi: MultiHandle) throws(TransferError) {
        var sink = unsafe ccurl_sink()
        unsafe sink.context = Unmanaged.passUnretained(transfer).toOpaque()
        unsafe sink.head = { context, bytes, count in
            unsafe TransferHandle.call(context, bytes, count) { transfer, bytes in
                transfer.tookHead(bytes) ? bytes.count : -1
            }
        }
        unsafe sink.body = { context, bytes, count in
            unsafe TransferHandle.call(context, bytes, count) { transfer, bytes in
                switch transfer.tookBody(bytes) {
                case .all: bytes.count
                case .later: Int(CCURL_PAUSE)
                case .none: Int(CCURL_ABORT)
                }
            }
        }
        guard let made = unsafe ccurl_transfer_new(&sink, multi.owner) else {
            throw .broken("no memory")
        }
        unsafe pointer = made
    }

    isolated deinit { unsafe ccurl_transfer_free(pointer) }

    private nonisolated static func call(
        _ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<UInt8>?, _ count: Int,
        _ body: @ReactorActor (Transfer, Span<UInt8>) -> Int
    ) -> Int {
        guard let context = unsafe context else { return -1 }
        let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context)
        nonisolated(unsafe) let buffer = unsafe UnsafeBufferPointer(
            start: bytes, count: bytes == nil ? 0 : count)
        return ReactorActor.assumeIsolated {
            // Kept alive: it may be let go of by what it is told.
            let transfer = unsafe transfer.takeUnretainedValue()
            return body(transfer, unsafe Span(_unsafeElements: buffer))
        }
    }

    // MARK: Options

    func set(_ request: HTTPSClient.Request) throws(TransferError) {
        let place = try URLPlace(request.url)
        try require(unsafe ccurl_set_text(pointer, CCURL_METHOD, request.method), "its method")
        if let body = request.body {
            try require(unsafe ccurl_set_body(pointer, body, body.count), "its body")
            try add("Expect:")
        }
        var url = request.url
        if let name = request.identity.serverName, name != place.host {
            url = place.url(host: name)
            let entry = "\(name):\(place.port):\(place.host):\(place.port)"
            try require(unsafe ccurl_connect_to(pointer, entry), "its server name")
            try add("Host: \(place.authority)")
        }
        try require(unsafe ccurl_set_text(pointer, CCURL_URL, url), "its address")
        try require(
            unsafe ccurl_set_text(pointer, CCURL_NOPROXY, TransferHandle.noProxy), "its proxy")
        for (name, value) in request.headers { try add("\(name): \(value)") }
        if let secret = request.authorization { try add("Authorization: \(secret.reveal())") }
        for (name, secret) in request.secretHeaders { try add("\(name): \(secret.reveal())") }
        try set(request.identity)
        let connect = Int(request.connectTimeout.inMilliseconds)
        let total = request.totalTimeout.map { max(1, Int($0.inMilliseconds)) } ?? 0
        try require(unsafe ccurl_set_times(pointer, connect, total), "its times")
    }

    private func set(_ identity: TLSIdentity) throws(TransferError) {
        try set(CCURL_AUTHORITIES, identity.authorities, "its authorities")
        try set(CCURL_CERTIFICATE, identity.certificate, "our certificate")
        try set(CCURL_KEY, identity.key?.reveal(), "our key")
        guard identity.isUnverified else { return }
        try require(unsafe ccurl_set_unverified(pointer), "no verification")
    }

    private func set(
        _ what: ccurl_blob, _ text: String?, _ name: String
    ) throws(TransferError) {
        guard let text else { return }
        let bytes = Array(text.utf8)
        try require(unsafe ccurl_set_blob(pointer, what, bytes, bytes.count), name)
    }

    /// A header; none may smuggle in another.
    private func add(_ line: String) throws(TransferError) {
        guard line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw .invalidRequest("a header holds a control character")
        }
        try require(unsafe ccurl_add_header(pointer, line), "its headers")
    }

    private func require(_ result: Int32, _ what: String) throws(TransferError) {
        guard result != 0 else { throw .invalidRequest("\(what) cannot be set") }
    }

    /// Loopback never goes through a proxy.
    private static let noProxy: String = {
        let environment = Terminal.environment()
        let said = environment["no_proxy"] ?? environment["NO_PROXY"] ?? ""
        let loopback = "localhost,127.0.0.1,::1"
        return said.isEmpty ? loopback : "\(said),\(loopback)"
    }()

    // MARK: Running

    func add(_ multi: MultiHandle) -> Bool {
        isAdded = unsafe ccurl_add(multi.pointer, pointer) == 0
        return isAdded
    }

    func remove(_ multi: MultiHandle) {
        guard isAdded else { return }
        isAdded = false
        unsafe ccurl_remove(multi.pointer, pointer)
    }

    func resume() { unsafe ccurl_resume(pointer) }

    var failureText: String { unsafe String(cString: ccurl_failure(pointer)) }
}
