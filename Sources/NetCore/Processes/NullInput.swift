// Standard input for children that have nothing to read.

import Glibc

/// /dev/null, to be read.
package enum NullInput {
    /// A descriptor that the caller closes.
    package static func open() throws(SystemError) -> Int32 {
        let null = unsafe Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
        // It is there: what can be missing is a number for it.
        guard null >= 0 else { throw SystemError("open /dev/null", -EMFILE) }
        return null
    }
}
