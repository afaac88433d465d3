// Who is told about which descriptor: a slot table with generations. epoll carries slot and
// generation as its 64-bit token, so an event that was queued for a descriptor closed earlier in
// the same batch no longer matches and is dropped (docs/decisions/0001).

internal import CEpoll

/// What is ready, or wanted.
package struct EventMask: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let readable = EventMask(rawValue: CEPOLL_IN)
    package static let writable = EventMask(rawValue: CEPOLL_OUT)
    /// Always reported: both halves are closed, or the socket failed.
    package static let hangUp = EventMask(rawValue: CEPOLL_HUP)
    package static let error = EventMask(rawValue: CEPOLL_ERR)
    /// The peer has ended its half; only where it is wanted.
    package static let readHangUp = EventMask(rawValue: CEPOLL_RDHUP)
}

/// Who is told that a descriptor is ready.
@ReactorActor
package protocol EventHandler: AnyObject {
    func ready(_ mask: EventMask)
}

/// Names one registration; a stale one is ignored.
package struct Registration: Equatable, Sendable {
    let slot: UInt32
    let generation: UInt32
    /// Names nothing.
    package static let none = Registration(slot: .max, generation: 0)

    var token: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

    init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    init(token: UInt64) {
        slot = UInt32(truncatingIfNeeded: token)
        generation = UInt32(truncatingIfNeeded: token >> 32)
    }
}

/// The registrations of one reactor. Slots live in memory of their own: mutating an array property
/// of structs for each event costs ten times as much (measured, exclusivity checks).
@safe  // the memory is owned here, and indexed only below `used`
@ReactorActor
struct RegistrationTable: ~Copyable {
    struct Slot {
        var handler: (any EventHandler)?
        var descriptor: Int32
        var generation: UInt32
        var mask: EventMask
        var nextFree: Int32
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var capacity: Int
    /// Slots ever used; those from here on are uninitialised.
    private var used = 0
    private var firstFree: Int32 = -1
    private(set) var count = 0

    init(capacity: Int = 64) {
        self.capacity = capacity
        unsafe slots = .allocate(capacity: capacity)
    }

    deinit {
        unsafe slots.deinitialize(count: used)
        unsafe slots.deallocate()
    }

    /// Takes a slot for `handler`.
    mutating func insert(
        _ handler: any EventHandler, descriptor: Int32, mask: EventMask
    ) -> Registration {
        let index: Int
        if firstFree >= 0 {
            index = Int(firstFree)
            unsafe firstFree = slots[index].nextFree
        } else {
            if used == capacity { grow() }
            index = used
            used += 1
            let fresh = Slot(handler: nil, descriptor: -1, generation: 1, mask: [], nextFree: -1)
            unsafe (slots + index).initialize(to: fresh)
        }
        unsafe slots[index].handler = handler
        unsafe slots[index].descriptor = descriptor
        unsafe slots[index].mask = mask
        count += 1
        return Registration(slot: UInt32(index), generation: unsafe slots[index].generation)
    }

    /// Frees the slot; its generation moves on, so that queued events no longer match.
    mutating func remove(_ registration: Registration) {
        guard isCurrent(registration) else { return }
        let index = Int(registration.slot)
        unsafe slots[index].handler = nil
        unsafe slots[index].descriptor = -1
        unsafe slots[index].generation &+= 1
        unsafe slots[index].nextFree = firstFree
        firstFree = Int32(index)
        count -= 1
    }

    func isCurrent(_ registration: Registration) -> Bool {
        // In bounds by the first test; a free slot has moved its generation on.
        Int(registration.slot) < used
            && (unsafe slots[Int(registration.slot)].generation == registration.generation)
    }

    /// The handler an event is for, nil when the event is stale.
    @inline(__always)
    func handler(_ registration: Registration) -> (any EventHandler)? {
        guard isCurrent(registration) else { return nil }
        return unsafe slots[Int(registration.slot)].handler
    }

    func descriptor(_ registration: Registration) -> Int32 {
        isCurrent(registration) ? (unsafe slots[Int(registration.slot)].descriptor) : -1
    }

    func mask(_ registration: Registration) -> EventMask {
        isCurrent(registration) ? (unsafe slots[Int(registration.slot)].mask) : []
    }

    mutating func setMask(_ registration: Registration, _ mask: EventMask) {
        guard isCurrent(registration) else { return }
        unsafe slots[Int(registration.slot)].mask = mask
    }

    /// All handlers, for a drain at shutdown.
    func allHandlers() -> [any EventHandler] {
        var handlers: [any EventHandler] = []
        for index in 0..<used {
            if let handler = unsafe slots[index].handler { handlers.append(handler) }
        }
        return handlers
    }

    private mutating func grow() {
        let bigger = UnsafeMutablePointer<Slot>.allocate(capacity: capacity * 2)
        unsafe bigger.moveInitialize(from: slots, count: used)
        unsafe slots.deallocate()
        unsafe slots = bigger
        capacity *= 2
    }
}
