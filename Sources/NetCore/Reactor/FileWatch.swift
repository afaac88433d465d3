// Changes of files as events of the loop. A watch is armed from the thread that looks at the file,
// before the look, and tells once: nothing that happens after the look is missed, and a file that
// changes all the time wakes the loop once for each look. Nobody watches, nothing wakes up.
//
// Everybody who watches one file shares the kernel's watch. It can be over before the reactor hears
// that somebody else has armed it too: the ids of watches that are over are remembered for that.

internal import CEpoll

/// Who is told that a watched file has changed.
@ReactorActor
package protocol FileWatchHandler: AnyObject {
    func fileChanged(_ tag: Int)
}

/// The watches of the process.
@ReactorActor
package final class FileWatch: EventHandler {
    /// Arms watches; for the thread that looks at files.
    package struct Arm: Sendable {
        let descriptor: Int32
        /// What had been lost when it was handed out.
        let losses: Int

        /// The id of a watch on the file at `path`, nil when it cannot be watched or is not there.
        package func file(_ path: String) -> Int32? {
            // The text lives for the call.
            let id = unsafe cepoll_watch_file(descriptor, path)
            return id >= 0 ? id : nil
        }

        /// The id of a watch for what appears in the folder at `path`.
        package func folder(_ path: String) -> Int32? {
            let id = unsafe cepoll_watch_folder(descriptor, path)
            return id >= 0 ? id : nil
        }
    }

    private struct Waiter {
        let handler: any FileWatchHandler
        let tag: Int
    }

    private let descriptor: Int32
    private var waiters: [Int32: [Waiter]] = [:]
    /// The last watches that are over, in a ring.
    private var over: [Int32] = []
    private var nextOver = 0
    private var losses = 0

    package init(on reactor: Reactor) throws(SystemError) {
        descriptor = cepoll_watch_create()
        guard descriptor >= 0 else { throw SystemError("inotify_init1", descriptor) }
        do throws(SystemError) {
            _ = try reactor.register(descriptor, .readable, self)
        } catch {
            Descriptor.close(descriptor)
            throw error
        }
    }

    package var arm: Arm { Arm(descriptor: descriptor, losses: losses) }
    /// Watches somebody waits for; for tests.
    package var count: Int { waiters.count }

    /// Tells `handler` once when the watch `id` tells, which `arm` has armed; at once when it has
    /// told already. To be called before more than `watchesRemembered` others are over.
    package func wait(
        for id: Int32, armedBy arm: Arm, _ handler: any FileWatchHandler, tag: Int
    ) {
        guard arm.losses == losses, !over.contains(id) else { return handler.fileChanged(tag) }
        waiters[id, default: []].append(Waiter(handler: handler, tag: tag))
    }

    /// `handler` waits for `id` under `tag` no longer, or never did.
    package func stopWaiting(for id: Int32, _ handler: any FileWatchHandler, tag: Int) {
        let others = (waiters[id] ?? []).filter { $0.handler !== handler || $0.tag != tag }
        guard others.isEmpty else {
            waiters[id] = others
            return
        }
        waiters[id] = nil
        if !over.contains(id) { remove(id) }
    }

    package func ready(_ mask: EventMask) {
        var ids = [Int32](repeating: 0, count: CEPOLL_WATCH_EVENTS)
        // The array lives for the call, which takes its true size. Once a turn: the descriptor
        // stays readable while there is more.
        let count = unsafe cepoll_watch_read(descriptor, &ids, Int32(ids.count))
        for id in ids.prefix(Int(max(0, count))) {
            if id >= 0 { tell(id) } else { tellAll() }
        }
    }

    private func tell(_ id: Int32) {
        remember(id)
        for waiter in waiters.removeValue(forKey: id) ?? [] {
            waiter.handler.fileChanged(waiter.tag)
        }
    }

    /// The kernel's queue was full: everybody has to look.
    private func tellAll() {
        losses += 1
        let told = waiters
        waiters = [:]
        for (id, list) in told {
            remove(id)
            for waiter in list { waiter.handler.fileChanged(waiter.tag) }
        }
    }

    private func remove(_ id: Int32) {
        _ = cepoll_watch_remove(descriptor, id)
        remember(id)
    }

    private func remember(_ id: Int32) {
        guard over.count == Limits.watchesRemembered else { return over.append(id) }
        over[nextOver] = id
        nextOver = (nextOver + 1) % over.count
    }
}
