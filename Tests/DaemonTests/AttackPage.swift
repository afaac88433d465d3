// The page that tries everything a web page can do to a server, in the ways of AttackWays: which of
// them it goes on which route and under which name. It reports whatever it could read, then goes on
// to the next page of its plan. What arrived is for the server to tell. Used by BrowserTests.

import TestSupport
import Testing

/// The files of the page, and its plan.
enum AttackPage {
    /// For PageServer: `/attack.html`, and `/rebound.html`, which is for after its server has left.
    static let files = [
        "attack.html": html(""), "rebound.html": html("<script>var rebound = true</script>"),
        "ways.js": ways, "attack.js": script,
    ]

    private static func html(_ more: String) -> String {
        // The plan is absolute: a page in a sandbox has no origin to be relative to.
        """
        <!doctype html><meta charset="utf-8"><title>attack</title><body>\(more)
        <script src="/plan.js"></script><script src="/ways.js"></script>
        <script src="/attack.js"></script>
        """
    }

    /// `pages` are visited in this order. Each sends all of `requests` to the first of `targets`,
    /// and some of them in every way to that one, the one with its own name and the open server.
    static func plan(
        _ server: PageServer, pages: [String], targets: [String], requests: [RouteRequest]
    ) -> String {
        func list(_ texts: [String]) -> String {
            "[\(texts.map { "\"\($0)\"" }.joined(separator: ","))]"
        }
        let lines = requests.map { request in
            "[\"\(request.method)\",\"\(request.target)\",\(request.body ?? "null")]"
        }
        return """
            const plan = {
              home: "http://127.0.0.1:\(server.port)", open: "http://127.0.0.1:\(server.openPort)",
              pages: \(list(pages)), targets: \(list(targets)),
              requests: [\(lines.joined(separator: ",\n"))],
            };
            """
    }

    /// Every way, by the name that the open server is told. All of them have to arrive there.
    static let names: Set<String> = [
        "fetch", "fetch no-cors", "request", "import", "script", "module", "img", "link", "object",
        "embed", "iframe", "events", "events with cookies", "socket", "json", "marked",
        "bare", "bare no-cors", "text/plain", "text/plain no-cors",
        "application/x-www-form-urlencoded", "application/x-www-form-urlencoded no-cors",
        "multipart/form-data no-cors", "keepalive", "redirect", "redirect no-cors", "beacon",
        "beacon json", "beacon bare", "form", "form text", "form bare", "form in a tab",
        "form redirect",
    ]

    /// Those by which something is seen when the server allows it.
    static let reading: Set<String> = [
        "fetch", "request", "import", "script", "module", "img", "link", "object", "events",
        "socket", "json", "marked", "bare", "text/plain", "redirect",
    ]

    private static let script = #"""
        /** All ways on a few routes, and on each route, if `isFirst`, the one that needs least. */
        function addTarget(base, isFirst) {
          for (const [method, target, body] of plan.requests) {
            if (method == "POST" && /v1.services$|busy.stop$/.test(target))
              addChanges(base, method, target, body);
            else if (method == "GET" && /v1.(services|events)$/.test(target))
              addReads(base, method, target), addTags(base, target);
            else if (isFirst)
              add("bare", method, base, target, url =>
                fetch(url, { method, mode: method == "POST" ? "no-cors" : "cors" }).then(read));
            // A page with many sockets is made to wait.
            if (/v1.events$/.test(target)) addSockets(base, target);
          }
        }

        /** Under another name of the same machine. */
        function addTargetBriefly(base) {
          const stop = plan.requests.find(([, target]) => target.endsWith("busy/stop"))[1];
          addReads(base, "GET", "/v1/services");
          addChanges(base, "POST", stop);
          addSockets(base, "/v1/events");
        }

        /** What costs more than a request is tried once. */
        function addTab(base) {
          const start = plan.requests.find(([, target]) => target.endsWith("/start?timeout=0"));
          add("form in a tab", "POST", base, start[1], url => submit(url, "", {}, true));
        }

        async function run() {
          if (window.rebound) await leave();
          const targets = window.rebound ? [location.origin] : plan.targets;
          for (const base of targets) {
            if (base == targets[0] || new URL(base).hostname == location.hostname)
              addTarget(base, base == targets[0]);
            else addTargetBriefly(base);
          }
          addTarget(plan.open, false);
          for (const base of [targets[0], plan.open]) addTab(base);
          const outcomes = [];
          const started = performance.now();
          let next = 0;
          const work = async () => {
            while (next < attacks.length) {
              const [name, method, url, attack] = attacks[next++];
              let timer;
              const limit = new Promise((_, reject) => { timer = setTimeout(reject, 8000); });
              try {
                const seen = await Promise.race([attack(url), limit]);
                outcomes.push({ name, method, url, seen });
              } catch {}
              clearTimeout(timer);
            }
          };
          await Promise.all(Array.from({ length: 24 }, work));
          await fetch(plan.home + "/report", {
            method: "POST", mode: "no-cors",
            body: JSON.stringify({ origin: self.origin, attacks: attacks.length, outcomes,
              milliseconds: Math.round(performance.now() - started) }),
          });
          const page = plan.pages[plan.pages.indexOf(location.href) + 1];
          if (page) location = page;
        }

        /** Ends when the name means the daemon. */
        async function leave() {
          await fetch("/leave");
          for (;;) {
            const server = await fetch("/health").then(r => r.headers.get("Server"), () => "");
            if (server?.startsWith("gr/")) return;
            await new Promise(resolve => setTimeout(resolve, 50));
          }
        }

        run();
        """#
}
