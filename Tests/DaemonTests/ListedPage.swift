// The page of an origin that config.toml lists: uses the daemon as a dashboard or an app would,
// with nothing but what docs/api.md says, and reports what it got. Used by BrowserTests.

/// The files of the page.
enum ListedPage {
    static let files = [
        "listed.html": """
        <!doctype html><meta charset="utf-8"><title>listed</title>
        <script src="/plan.js"></script><script src="/listed.js"></script>
        """, "listed.js": script,
    ]

    static func plan(daemon: UInt16, guarded: UInt16, token: String) -> String {
        """
        const plan = {
          daemon: "http://127.0.0.1:\(daemon)", guarded: "http://localhost:\(guarded)",
          token: "\(token)",
        };
        """
    }

    /// What it is to report.
    static let steps = [
        "list": "200", "register": "201", "unknown": "404 unknown_service",
        "form": "415 "
            + "unsupported_media_type", "start": "200", "replay": "service.registered",
        "resolve": "200", "follow": "up", "stop": "200", "restart": "200", "remove": "200",
        "places": "numbers", "nobody": "401 unauthorized", "token": "200", "stream": "200",
    ]

    /// Of the events it listened to.
    static let events = [
        "service.registered", "service.started", "service.stopped", "service.started",
        "service.stopped", "service.unregistered",
    ]

    private static let script = #"""
        const steps = {}, events = [];
        const json = { "Content-Type": "application/json" };

        async function ask(name, method, url, options) {
          try {
            const response = await fetch(url, { method, ...options });
            const body = await response.json();
            steps[name] = [response.status, body.code].filter(Boolean).join(" ");
          } catch (error) { steps[name] = String(error); }
        }

        /** The text of a stream up to what is looked for. */
        async function readUntil(word, response) {
          const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
          let text = "";
          while (!text.includes(word)) {
            const { value, done } = await reader.read();
            if (done) return text;
            text += value;
          }
          await reader.cancel();
          return word;
        }

        const until = async isSo => {
          for (let i = 0; i < 200 && !isSo(); i++)
            await new Promise(resolve => setTimeout(resolve, 50));
        };

        async function run() {
          const services = plan.daemon + "/v1/services", app = services + "/app";
          const source = new EventSource(plan.daemon + "/v1/events?stats=0");
          for (const type of ["registered", "started", "stopped", "crashed", "unregistered"])
            source.addEventListener("service." + type, event => events.push(event.type));
          await new Promise((resolve, reject) => {
            source.onopen = resolve;
            source.onerror = reject;
          });
          await ask("list", "GET", services);
          const service =
            { name: "app", port: null, cmd: "echo up; exec sleep 300", restart: "never" };
          await ask("register", "POST", services,
            { headers: json, body: JSON.stringify(service) });
          await ask("unknown", "GET", services + "/none");
          await ask("form", "POST", services, { body: new URLSearchParams({ name: "b" }) });
          await ask("start", "POST", app + "/start", { headers: json });
          const replay = await fetch(plan.daemon + "/v1/events",
            { headers: { "Last-Event-ID": "0", Accept: "text/event-stream" } });
          const places = ["Oldest", "Latest"].map(name =>
            replay.headers.get(`X-Gretl-${name}-Event`));
          steps.places = places.every(text => /^\d+$/.test(text)) ? "numbers" : `${places}`;
          steps.replay = await readUntil("service.registered", replay);
          await ask("resolve", "GET", plan.daemon + "/v1/resolve/app");
          steps.follow = await new Promise(resolve => {
            const log = new EventSource(app + "/logs?follow=1");
            log.onerror = () => { log.close(); resolve("refused"); };
            const see = event => {
              if (event.data.includes("up")) { log.close(); resolve("up"); }
            };
            log.onmessage = see;
            for (const type of ["lines", "line", "log"]) log.addEventListener(type, see);
          });
          await ask("stop", "POST", app + "/stop", { headers: { "X-Gretl": "1" } });
          await ask("restart", "POST", app + "/restart", { headers: json });
          await ask("remove", "DELETE", app);
          await until(() => events.includes("service.unregistered"));
          source.close();
          const authorization = { headers: { Authorization: "Bearer " + plan.token } };
          await ask("nobody", "GET", plan.guarded + "/v1/services");
          await ask("token", "GET", plan.guarded + "/v1/services", authorization);
          const stream = await fetch(plan.guarded + "/v1/events", authorization);
          steps.stream = `${stream.status}`;
          await stream.body.cancel();
        }

        const limit = new Promise((_, reject) => { setTimeout(reject, 20000, "too slow"); });
        Promise.race([run(), limit]).catch(error => { steps.error = String(error); }).finally(() =>
          fetch("/report", { method: "POST", body: JSON.stringify({ steps, events }) }));
        """#
}
