// Where lines begin and end: forwards and backwards agree, at every border, for lines of every
// length.

@testable import Gretl
import TestSupport
import Testing

@Suite struct LogWindowTests {
    private static let block = LogWindow.block

    /// All pieces, read forwards as a reader does that sees windows only.
    private func forwards(_ file: [UInt8]) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var at = 0
        while at < file.count {
            let start = LogWindow.start(from: at)
            let end = min(file.count, start + LogWindow.blocks * Self.block)
            let window = LogWindow(start: start, bytes: Array(file[start..<end]))
            guard let next = window.pieceEnd(from: at) else {
                pieces.append(at..<file.count)
                break
            }
            pieces.append(at..<next)
            at = next
        }
        return pieces
    }

    /// All pieces, read backwards.
    private func backwards(_ file: [UInt8]) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var end = file.count
        while end > 0 {
            let start = LogWindow.start(before: end)
            let window = LogWindow(start: start, bytes: Array(file[start..<end]))
            var found = 0
            while end > start, let begin = window.pieceStart(before: end) {
                pieces.append(begin..<end)
                end = begin
                found += 1
            }
            guard found > 0 else { return [] }
        }
        return pieces.reversed()
    }

    private func file(_ lengths: [Int], endsWithLine: Bool = true) -> [UInt8] {
        var bytes: [UInt8] = []
        for length in lengths {
            bytes += [UInt8](repeating: UInt8(ascii: "x"), count: length)
            bytes.append(0x0A)
        }
        if !endsWithLine { bytes.removeLast() }
        return bytes
    }

    @Test func shortLinesAreWhole() {
        let bytes = file([0, 1, 0, 5, 70], endsWithLine: false)
        #expect(forwards(bytes) == [0..<1, 1..<3, 3..<4, 4..<10, 10..<80])
        #expect(backwards(bytes) == forwards(bytes))
    }

    @Test func everyLengthAroundEveryBorderIsReadAlikeFromBothSides() throws {
        let around = [-2, -1, 0, 1, 2]
        try every("blocks", in: 0...6) { blocks in
            try every("more", in: around) { more in
                let length = max(0, blocks * Self.block + more)
                try every("before", in: [0, 1, Self.block - 2, Self.block - 1, Self.block]) {
                    before in
                    let bytes = file([before, length, 3])
                    let pieces = forwards(bytes)
                    #expect(pieces == backwards(bytes))
                    #expect(pieces.map(\.count).reduce(0, +) == bytes.count)
                    #expect(pieces.allSatisfy { !$0.isEmpty && $0.count < 2 * Self.block })
                }
            }
        }
    }

    @Test func randomFilesAreReadAlikeFromBothSides() {
        var generator = SeededGenerator(seed: 64)
        for round in 0..<40 {
            let lengths = (0..<generator.number(in: 1...12)).map { _ in
                generator.oneIn(3)
                    ? generator.number(in: 0...4 * Self.block) : generator.number(in: 0...200)
            }
            let bytes = file(lengths, endsWithLine: generator.oneIn(2))
            let pieces = forwards(bytes)
            #expect(pieces == backwards(bytes), "round \(round)")
            #expect(pieces.first?.lowerBound == 0 && pieces.last?.upperBound == bytes.count)
        }
    }

    @Test func aWindowThatShowsTooLittleSaysSo() throws {
        let bytes = file([10, 70_000, 200_000, 30])
        let borders = Set(forwards(bytes).map(\.lowerBound))
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<4_000 {
            let end = generator.number(in: 1...bytes.count)
            let start = max(
                0, end - generator.number(in: 1...generator.pick([20, 70_000, 262_144])))
            let window = LogWindow(start: start, bytes: Array(bytes[start..<end]))
            guard let begin = window.pieceStart(before: end) else { continue }
            #expect(begin >= start && begin < end)
            #expect(borders.contains(begin), "\(start) \(end)")
        }
    }

    @Test func aLineBelowTheBoundIsNeverCut() {
        for before in stride(from: 0, to: 2 * Self.block, by: 4_001) {
            let bytes = file([before, Self.block - 2, 1])
            #expect(
                forwards(bytes).contains(before + 1..<before + Self.block) || before >= Self.block)
            #expect(
                forwards(bytes).suffix(2).first?.count == Self.block - 1, "before \(before)")
        }
    }
}
