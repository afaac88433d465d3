// What a child that is started for its answer reads and writes: nothing, and a pipe for each of its
// outputs. Nobody reads while it runs: a pipe holds 64 KiB, so the kernel is the bound, and a child
// that has more to say does not end. Used for the plugins that make tokens.

internal import CEpoll
import Glibc

/// Standard streams of one child.
@ReactorActor
package final class ChildOutput {
    private var readers: [Int32] = []
    private var given: [Int32] = []

    package init() throws(SystemError) {
        let null = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        // It is there: what can be missing is a number for it.
        guard null >= 0 else { throw SystemError("open /dev/null", EMFILE) }
        given = [null]
        for _ in 0..<2 {
            var ends: [Int32] = [-1, -1]
            // Room for both numbers, as the call wants.
            let code = unsafe cepoll_pipe(&ends)
            guard code == 0 else { throw SystemError("pipe", code) }
            readers.append(ends[0])
            given.append(ends[1])
        }
    }

    isolated deinit { for descriptor in readers + given { Descriptor.close(descriptor) } }

    /// For the child: its 0, 1 and 2.
    package var descriptors: [Int32] { given }

    /// The child has them now.
    package func wasStarted() {
        for descriptor in given { Descriptor.close(descriptor) }
        given = []
    }

    /// What has been written to standard output; called once, behind the child's end.
    package func takeOutput() -> [UInt8] { take(0) }

    /// The same of standard error.
    package func takeErrors() -> [UInt8] { take(1) }

    private func take(_ index: Int) -> [UInt8] {
        guard readers.indices.contains(index) else { return [] }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        var filled = 0
        while filled < bytes.count {
            // The rest of the array, and its true size.
            let count = unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe cepoll_read(
                    readers[index], bytes.baseAddress.map { unsafe $0 + filled },
                    bytes.count - filled)
            }
            guard count > 0 else { break }
            filled += count
        }
        return Array(bytes[..<filled])
    }
}
