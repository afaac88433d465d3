// The stream of a run as PyPI's `websockets` sees it, a client that is not ours: one subscriber
// from the start, one that comes late, one that goes and comes back with `since`.

import Glibc
import TestSupport
import Testing

@Suite struct RunSocketTests {
    /// Prints, for each way of listening, what came as [seq, kind] and the close code.
    private static let program = #"""
        import asyncio, json, sys
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed

        url = sys.argv[1]

        async def listen(since=None, stop=None, delay=0, pings=False):
            await asyncio.sleep(delay)
            got = []
            async with connect(url + ("" if since is None else f"?since={since}")) as socket:
                pong = None
                try:
                    while stop is None or len(got) < stop:
                        event = json.loads(await asyncio.wait_for(socket.recv(), 60))
                        got.append([event.get("seq"), event["kind"]])
                        if len(got) == 2 and pings:
                            pong = await socket.ping()
                        if len(got) == 2 and pings:
                            await socket.send("nobody reads this")
                            await socket.send(b"\x00\xff")
                except ConnectionClosed as end:
                    assert pong is None or (pong.done() and not pong.exception())
                    return got, end.rcvd.code if end.rcvd else None
            return got, None

        async def returning():
            got, code = [], None
            while code is None and len(got) < 10000:
                more, code = await listen(got[-1][0] if got else None, 7)
                got += more
            return got, code

        async def main():
            told = await asyncio.gather(
                listen(pings=True), listen(delay=0.7), listen(0, delay=0.3), returning())
            told.append(await listen())
            print(json.dumps([{"events": got, "code": code} for got, code in told]))

        asyncio.run(main())
        """#

    private func listen(_ stage: RunStage, _ run: String) throws -> JSONValue {
        let file = stage.folder.file("listen.py")
        TemporaryFolder.write(Self.program, to: file)
        let told = try Program.run(
            [
                try MockModelServer.python(), file,
                "ws://127.0.0.1:\(stage.daemon.port)/api/ws/\(run)",
            ], seconds: 100)
        #expect(told.exit == 0, "\(told.errors)")
        return JSONValue(Array(told.output.utf8)) ?? .missing
    }

    @Test func `Everybody sees the same events, whenever they come`() throws {
        let stage = try RunStage([
            "Makefile": "test:\n\t@test `wc -l < lines` -ge 5\n", "lines": "",
        ])
        let turn = RunStage.reply(
            "Another.", ("bash_exec", #"{"command":"sleep 0.2; echo x >> lines"}"#))
        try stage.model.script(Array(repeating: turn, count: 5))
        let run = try stage.start("make-test")
        let told = try listen(stage, run)
        let stored = try stage.events(run).map {
            JSONValue.array([$0["seq"], $0["kind"]])
        }
        #expect(stored.count > 30 && stored.last?[1].text == "run_end")
        #expect(told.items.count == 5)
        for (index, one) in told.items.enumerated() {
            #expect(one["code"].integer == 1_000, "listener \(index)")
            #expect(one["events"].items == stored, "listener \(index)")
        }
    }

    @Test func `A run that is unknown is told and closed`() throws {
        let stage = try RunStage([:])
        let told = try listen(stage, "nobody")
        for one in told.items {
            #expect(one["code"].integer == 4_404)
            #expect(one["events"].items.map { $0[1].text } == ["error"])
        }
        #expect(told.items.count == 5)
    }
}
