// The ways of a web page to a server that is not its own, as the script of AttackPage: all of
// fetch's modes, forms, beacons, tags, frames, sockets, redirects. Each is named, and says what it
// could read; a way that reads nothing throws.

extension AttackPage {
    static let ways = #"""
        const attacks = [];      // [name, method, url, run]
        const intruder = { name: "intruder", port: null, cmd: "exec sleep 300" };

        /** What was read. Throws when nothing was. */
        async function read(response) {
          if (response.type == "opaque" || response.type == "opaqueredirect") throw 0;
          const text = await response.text();
          let code = "";
          try { code = JSON.parse(text).code ?? ""; } catch {}
          return `${response.status} ${code}`;
        }

        function add(name, method, base, target, run) {
          let url = base + target;
          // The daemon is asked for nothing but the route.
          if (base == plan.open) url += (target.includes("?") ? "&" : "?") + "attack=" + name;
          attacks.push([name, method, url, run]);
        }

        function request(method, url) {
          return new Promise((resolve, reject) => {
            const request = new XMLHttpRequest();
            request.onload = () => resolve(`${request.status} ${
              (/"code":"(\w+)"/.exec(request.responseText) ?? [])[1] ?? ""}`);
            request.onerror = reject;
            request.open(method, url);
            request.send();
          });
        }

        function addReads(base, method, target) {
          add("fetch", method, base, target, url => fetch(url, { method }).then(read));
          add("fetch no-cors", method, base, target,
            url => fetch(url, { method, mode: "no-cors" }).then(read));
          add("request", method, base, target, url => request(method, url));
        }

        function addChanges(base, method, target, given) {
          const body = JSON.stringify(given ?? intruder);
          const send = (name, options) => add(name, method, base, target,
            url => fetch(url, { method, ...options }).then(read));
          send("json", { body, headers: { "Content-Type": "application/json" } });
          send("marked", { headers: { "X-Gretl": "1" } });
          send("bare", {});
          if (method != "POST") return;
          const mode = "no-cors";
          send("bare no-cors", { mode });
          const plain = { body, headers: { "Content-Type": "text/plain" } };
          const form = { body, headers: { "Content-Type": "application/x-www-form-urlencoded" } };
          const data = new FormData();
          data.append("body", body);
          send("text/plain", plain);
          send("text/plain no-cors", { ...plain, mode });
          send("application/x-www-form-urlencoded", form);
          send("application/x-www-form-urlencoded no-cors", { ...form, mode });
          send("multipart/form-data no-cors", { body: data, mode });
          send("keepalive", { mode, keepalive: true });
          const via = url => plan.home + "/redirect?to=" + encodeURIComponent(url);
          add("redirect", method, base, target,
            url => fetch(via(url), { method, ...plain }).then(read));
          add("redirect no-cors", method, base, target,
            url => fetch(via(url), { method, mode }).then(read));
          const blob = type => new Blob([body], { type });
          for (const [name, data] of [["beacon", blob("text/plain")],
            ["beacon json", blob("application/json")], ["beacon bare", undefined]])
            add(name, method, base, target, url => { navigator.sendBeacon(url, data); throw 0; });
          add("form", method, base, target, url => submit(url, "", { body }));
          // JSON, as far as plain text of a form can be it.
          add("form text", method, base, target,
            url => submit(url, "text/plain", { [body.slice(0, -1) + ',"x":"']: '"}' }));
          add("form bare", method, base, target, url => submit(url, "", {}));
          add("form redirect", method, base, target, url => submit(via(url), "", {}));
        }

        /** A form into a frame of its own, or a tab. */
        function submit(url, type, fields, isTab) {
          const form = document.createElement("form");
          Object.assign(form, { action: url, method: "post", enctype: type });
          for (const [name, value] of Object.entries(fields)) {
            const input = document.createElement("input");
            Object.assign(input, { name, value, type: "hidden" });
            form.append(input);
          }
          document.body.append(form);
          return frame(isTab ? "_blank" : "", it => {
            form.target = isTab ? "_blank" : it.name;
            form.submit();
          });
        }

        let frameCount = 0;
        /** What a page sees in a frame of its own after `load`. */
        function frame(tab, load) {
          const it = document.createElement("iframe");
          it.name = tab || "frame" + ++frameCount;
          document.body.append(it);
          return new Promise((resolve, reject) => {
            if (tab) return load(it), setTimeout(reject, 500);
            // The first one is that of the empty frame.
            setTimeout(() => {
              it.onload = () => {
                let text;
                try { text = it.contentDocument.body.textContent; } catch {}
                it.remove();
                text ? resolve(`framed ${(/"code":"(\w+)"/.exec(text) ?? [])[1]}`) : reject();
              };
              load(it);
            });
          });
        }

        function tag(name, url, fields) {
          const it = document.createElement(name);
          return new Promise((resolve, reject) => {
            // Of an embedded page the browser says "loaded" whatever came of it.
            it.onload = () => name == "embed" ? reject() : resolve("loaded");
            it.onerror = reject;
            Object.assign(it, fields);
            if (name == "object") it.data = url;
            else if (name == "link") it.href = url;
            else it.src = url;
            document.body.append(it);
          }).finally(() => it.remove());
        }

        function addTags(base, target) {
          const tags = {
            script: {}, img: {}, link: { rel: "stylesheet" }, object: {}, embed: {},
          };
          for (const [name, fields] of Object.entries(tags))
            add(name, "GET", base, target, url => tag(name, url, fields));
          add("module", "GET", base, target, url => tag("script", url, { type: "module" }));
          add("import", "GET", base, target, url => import(url).then(() => "imported"));
          add("iframe", "GET", base, target, url => frame("", it => { it.src = url; }));
        }

        function addSockets(base, target) {
          const stream = (url, options) => new Promise((resolve, reject) => {
            const source = new EventSource(url, options);
            source.onopen = () => { source.close(); resolve("opened"); };
            source.onerror = () => { source.close(); reject(); };
          });
          add("events", "GET", base, target, url => stream(url));
          add("events with cookies", "GET", base, target,
            url => stream(url, { withCredentials: true }));
          add("socket", "GET", base, target, url => new Promise((resolve, reject) => {
            const socket = new WebSocket(url.replace("http:", "ws:"));
            socket.onopen = () => { socket.close(); resolve("opened"); };
            socket.onerror = reject;
          }));
        }
        """#
}
