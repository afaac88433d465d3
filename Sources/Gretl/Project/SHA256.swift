// SHA-256 (FIPS 180-4), for what a user has allowed a gr.toml to run: a weaker sum could be met by
// a file that was made for it. Also for the ids of workloads.

/// A digest of 32 bytes.
package struct SHA256 {
    private static let rounds: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
        0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
        0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
        0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
        0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
        0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
        0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
        0xc671_78f2,
    ]

    /// The first `digits` digits of the digest of `bytes`, in lower-case hexadecimal.
    package static func hexadecimal(_ bytes: [UInt8], digits: Int = 64) -> String {
        var state: InlineArray<8, UInt32> = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c,
            0x1f83_d9ab, 0x5be0_cd19,
        ]
        // The message, a one bit, zeroes, and its length in bits as the last eight bytes.
        var message = bytes
        message.reserveCapacity(bytes.count + 72)
        message.append(0x80)
        while message.count % 64 != 56 { message.append(0) }
        let bits = UInt64(bytes.count) &* 8
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            message.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
        for start in stride(from: 0, to: message.count, by: 64) {
            mix(&state, message.span.extracting(start..<(start + 64)))
        }
        var text: [UInt8] = []
        text.reserveCapacity(64)
        for index in 0..<min(max(digits, 0), 64) {
            let digit = UInt8(state[index / 8] >> UInt32(28 - index % 8 * 4) & 0xF)
            text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
        return String(decoding: text, as: UTF8.self)
    }

    @inline(__always)
    private static func turned(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word &>> count | word &<< (32 &- count)
    }

    /// No memory is asked for here: ten thousand workloads are named by a digest each.
    private static func mix(_ state: inout InlineArray<8, UInt32>, _ block: Span<UInt8>) {
        var words = InlineArray<64, UInt32>(repeating: 0)
        for at in 0..<16 {
            for byte in 0..<4 { words[at] = words[at] &<< 8 | UInt32(block[4 * at + byte]) }
        }
        for at in 16..<64 {
            let near = words[at - 15]
            let far = words[at - 2]
            let small = turned(near, 7) ^ turned(near, 18) ^ near &>> 3
            let large = turned(far, 17) ^ turned(far, 19) ^ far &>> 10
            words[at] = words[at - 16] &+ small &+ words[at - 7] &+ large
        }
        let rounds = SHA256.rounds
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for at in 0..<64 {
            let choice = e & f ^ ~e & g
            let majority = a & b ^ a & c ^ b & c
            let first =
                h &+ (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) &+ choice &+ rounds[at]
                &+ words[at]
            let second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) &+ majority
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ second)
        }
        let mixed: InlineArray<8, UInt32> = [a, b, c, d, e, f, g, h]
        for at in 0..<8 { state[at] = state[at] &+ mixed[at] }
    }
}
