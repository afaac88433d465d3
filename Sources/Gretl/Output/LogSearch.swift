// One request for lines, of one service or of many: the newest lines that fit, merged by time, and
// the finished body of the answer. Done in short steps on the storage thread, rendering included,
// so that the reactor gets nothing but bytes. Total work and memory are bounded; an answer that is
// cut short says so.

import NetCore

/// A log and whose it is.
package struct LogSource: Sendable {
    let name: String
    let files: LogFiles
}

/// The state of one request. Used by one thread at a time, which the lock states.
package final class LogSearch: Sendable {
    private let state: Lock<State>

    /// `isSingle`: the answer is about one service, and can be paged.
    init(_ sources: [LogSource], _ query: LogQuery, isSingle: Bool) {
        state = Lock(State(sources, query, isSingle))
    }

    /// One step; true when the answer is finished.
    func step() -> Bool { state.withLock { $0.step() } }

    /// The finished body.
    func body() -> [UInt8] { state.withLock { $0.body } }

    /// Where each log ended when it was opened; nil for one that was not there.
    func ends() -> [LogPosition?] { state.withLock { $0.ends } }
}

extension LogSearch {
    fileprivate struct State {
        private enum Phase { case choosing, rendering, done }

        private let query: LogQuery
        private let names: [String]
        private let isSingle: Bool
        private var scans: [LogScan]
        private var phase = Phase.choosing
        /// Newest first.
        private var chosen: [(line: OutputLine, source: Int)] = []
        private var chosenBytes = 0
        private var searched = 0
        private var isTruncated = false
        /// Where the next page back begins.
        private var older: LogPosition?
        private var json = JSONText(capacity: 4_096)
        private var text: [UInt8] = []

        init(_ sources: [LogSource], _ query: LogQuery, _ isSingle: Bool) {
            self.query = query
            self.isSingle = isSingle
            names = sources.map(\.name)
            scans = sources.map { LogScan($0.files, query) }
        }

        var body: [UInt8] { query.isText || query.isFollowed ? text : json.bytes }
        var ends: [LogPosition?] { scans.map(\.origin) }

        mutating func step() -> Bool {
            switch phase {
            case .choosing: choose()
            case .rendering: render()
            case .done: break
            }
            return phase == .done
        }

        // MARK: Choosing

        private mutating func choose() {
            var read = 0
            for _ in 0..<LogLimits.stepLines where read < LogLimits.stepBytes {
                // Where the log ends now is part of the answer, also of one without lines.
                if isSingle || query.isFollowed,
                    let unopened = scans.firstIndex(where: \.isUnopened)
                {
                    read += scans[unopened].read(linesMost: 8, bytesMost: 1) + 4_096
                    continue
                }
                guard chosen.count < query.lines else { return beginRendering() }
                guard chosenBytes < LogLimits.answerTextBytes, searched < LogLimits.searchedBytes
                else {
                    isTruncated = true
                    return beginRendering()
                }
                if let empty = scans.firstIndex(where: \.needsReading) {
                    let count = scans[empty].read(
                        linesMost: max(8, min(LogLimits.stepLines, query.lines)),
                        bytesMost: LogLimits.mergeBytes / scans.count)
                    searched += count
                    // Opening files is work too.
                    read += count + 4_096
                } else if !takeNewest() {
                    return beginRendering()
                }
            }
        }

        /// Chooses the newest line of all; false when there is none.
        private mutating func takeNewest() -> Bool {
            var newest: Int?
            for index in scans.indices {
                guard let line = scans[index].next else { continue }
                if let best = newest, let other = scans[best].next, other.key >= line.key {
                    continue
                }
                newest = index
            }
            guard let newest, let line = scans[newest].take() else { return false }
            chosen.append((line, newest))
            chosenBytes += line.bytes.count
            return true
        }

        // MARK: Rendering

        private mutating func beginRendering() {
            phase = .rendering
            if isSingle, !scans[0].isExhausted {
                older = chosen.last?.line.start ?? scans[0].position
            }
            guard !query.isText, !query.isFollowed else { return }
            json.beginObject()
            if isSingle {
                json.field("name", names[0])
            } else {
                json.field("services", names)
            }
            json.key("lines")
            json.beginArray()
        }

        private mutating func render() {
            var rendered = 0
            for _ in 0..<LogLimits.stepLines where rendered < LogLimits.stepBytes / 2 {
                guard let (line, source) = chosen.last else { return endRendering() }
                render(line, of: source)
                rendered += line.bytes.count
                chosen.removeLast()
            }
        }

        private mutating func render(_ line: OutputLine, of source: Int) {
            guard !query.isFollowed else {
                let id = isSingle ? line.end : nil
                return text += LogFrames.line(
                    line, of: names[source], colors: query.colors, id: id)
            }
            let shown = LogText.clean(line.bytes[...], colors: query.colors)
            guard !query.isText else {
                if !isSingle { text += "\(DisplayText.escaped(names[source])) | ".utf8 }
                text += shown.utf8
                text.append(0x0A)
                return
            }
            OutputLineView.write(
                line, text: shown, name: isSingle ? nil : names[source], into: &json)
        }

        private mutating func endRendering() {
            phase = .done
            guard !query.isText, !query.isFollowed else { return }
            json.endArray()
            if isSingle {
                json.field("before", older?.text)
                json.field("after", scans[0].origin?.text)
            }
            json.field("truncated", isTruncated)
            json.endObject()
        }
    }
}
