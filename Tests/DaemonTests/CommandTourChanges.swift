// The parts of the tour of commands that read streams, look around, or change something. See
// CommandTour; the order matters: what changes comes behind what only asks.

import TestSupport
import Testing

extension CommandTour {
    static let streams = [
        CommandPart(
            "logs", .init("gr logs web"), .init("gr logs web bad"), .init("gr logs -t bad"),
            .init("gr logs --grep config"), .init("gr logs web --grep nothing"),
            .init("gr logs -f bad", 130, until: "no config"), .init("gr logs nobody", 4),
            .init("gr logs web -n x", 2), .init("gr logs web --json", show: .json),
            .init("gr logs web bad --jsonl", show: .jsonLines)),
        CommandPart(
            "events", .init("gr events"), .init("gr events -n 2 web"),
            .init("gr events --type service.crashed"), .init("gr events --type crash", 2),
            .init("gr events -f --type service.crashed", 130, until: "bad"),
            .init("gr events --json", show: .jsonLines),
            .init("gr events --jsonl", show: .jsonLines)),
        CommandPart(
            "wait", .init("gr wait web worker"), .init("gr wait web -q"),
            .init("gr wait api -t 100ms", 6), .init("gr wait web --for stopped -t 100ms", 6),
            .init("gr wait nobody", 4), .init("gr wait web --for running", 2),
            .init("gr wait web --json", show: .json)),
    ]

    static let surroundings = [
        CommandPart(
            "exec", .init("gr exec web -- sh -c 'echo $GREETING from $GRETL_NAME; exit 7'", 7),
            .init("gr exec web", 2), .init("gr exec web -- no-such-program", 127),
            .init("gr exec nobody -- true", 4)),
        CommandPart(
            "env", .init("gr env web"), .init("gr env -q web"), .init("gr env nobody", 4),
            .init("gr env web --json", show: .json)),
        CommandPart(
            "open", .init("gr open web"), .init("gr open worker", 1),
            .init("gr open web --json", show: .json)),
        CommandPart(
            "who", .init("gr who P_WEB"), .init("gr who :P_OUT"), .init("gr who PFREE", 1),
            .init("gr who http", 2), .init("gr who P_OUT --json", show: .json)),
        CommandPart(
            "ports", .init("gr ports", columns: 400, show: .ours),
            .init("gr ports -q", show: .ours),
            .init("gr ports --json", show: .json)),
        CommandPart(
            "doctor", .init("gr doctor", 1), .init("gr doctor -q", 1),
            .init("gr doctor", in: .spare),
            .init("gr doctor --json", 1, show: .json)),
        CommandPart(
            "completion", .init("gr completion bash", show: .head(12)),
            .init("gr completion zsh", show: .head(12)),
            .init("gr completion fish", show: .head(12)),
            .init("gr completion tcsh", 2), .init("gr completion", 2)),
        CommandPart(
            "man", .init("gr man", on: .pipe, show: .head(12)),
            .init("gr man gr.toml", on: .pipe, show: .head(12)), .init("gr man ls", 2)),
        CommandPart(
            "health", .init("gr health"), .init("gr health -q"),
            .init("gr health --json", show: .json)),
        CommandPart(
            "version", .init("gr version"), .init("gr version -q"),
            .init("gr version", in: .spare), .init("gr version --json", show: .json)),
        CommandPart(
            "help", .init("gr"), .init("gr help add"), .init("gr help daemon"),
            .init("gr help group ls"), .init("gr help gr.toml"), .init("gr help strat", 2),
            .init("gr lst", 2), .init("gr ls --stauts", 2), .init("gr help --json", show: .json)),
    ]

    static let changes = [
        CommandPart(
            "add", .init("gr add shop -p PFREE --group @site -- python3 -m http.server PFREE"),
            .init("gr add shop --restart always"), .init("gr add ext -p P_OUT"),
            .init("gr add mailer --no-port -q --cmd 'exec sleep 600'"),
            .init("gr add", 2), .init("gr add shop -p 99999", 2),
            .init("gr add shop --restart sometimes", 2), .init("gr add shop --gruop @x", 2),
            .init("gr add mailer --depends-on nobody"),
            .init("gr add mailer --unset depends-on -q"),
            .init("gr add mailer --env KEY=value --json", show: .json)),
        CommandPart(
            "start", .init("gr start api --plan"), .init("gr start api"), .init("gr start api", 5),
            .init("gr start @jobs", 8), .init("gr start @site"), .init("gr start bad", 6),
            .init("gr start busy", 5), .init("gr start ext", 1), .init("gr start wbe", 4),
            .init("gr start mailer nobody", 8), .init("gr start api --json", 5, show: .json)),
        CommandPart(
            "restart", .init("gr restart worker"), .init("gr restart api -q"),
            .init("gr restart @jobs", 8), .init("gr restart db", 1), .init("gr restart wbe", 4),
            .init("gr restart worker --json", show: .json)),
        CommandPart(
            "attach", .init("gr attach worker", 1), .init("gr attach bad", 5),
            .init(
                "gr attach repl",
                keys: [("hello\r\n", "one\r"), ("got one\r\n", "\u{1D}")], input: "two\n\u{4}")),
        CommandPart(
            "stop", .init("gr stop mailer"), .init("gr stop mailer"), .init("gr stop @site"),
            .init("gr stop db", 1), .init("gr stop wbe", 4), .init("gr stop worker -g long", 2),
            .init("gr stop worker --json", show: .json)),
        CommandPart(
            "adopt", .init("gr adopt P_OUT", 2),
            .init("gr adopt PFREE --as new", 1), .init("gr adopt P_OUT --as taken"),
            .init("gr adopt P_OUT --as again", 5),
            .init("gr adopt P_OUT --as again --json", 5, show: .json)
        ),
        CommandPart(
            "kill", .init("gr kill :PFREE", 1),
            .init("gr kill :PBUSY", 2, onTerminal: 1, keys: [("[y/N] ", "n\r")]),
            .init("gr kill :PBUSY", 2, onTerminal: 0, keys: [("[y/N] ", "y\r")]),
            .init("gr kill P_OUT --yes"), .init("gr kill PFREE --yes --json", 1, show: .json)),
        CommandPart(
            "rm", .init("gr rm mailer"), .init("gr rm ext shop --purge"), .init("gr rm web"),
            .init("gr rm wbe", 4), .init("gr rm api --json", show: .json)),
    ]

    static let project = [
        CommandPart(
            "config check", .init("gr config check", in: .repo),
            .init("gr config check -q", in: .repo),
            .init("gr config check", 1, in: .broken), .init("gr config check", 1),
            .init("gr config check --json", in: .repo, show: .json)),
        CommandPart(
            "up", .init("gr up --plan", in: .repo),
            .init("gr up", 7, in: .repo, show: .last, keys: [("[y/N] ", "n\r")]),
            .init("gr up --yes", in: .repo, show: .last), .init("gr up", in: .repo, show: .last),
            .init("gr up --yes", 8, in: .failing, show: .last),
            .init("gr up nobody", 4, in: .repo), .init("gr up", 1, in: .broken),
            .init("gr up", 1), .init("gr up --json", in: .repo, show: .json)),
        CommandPart(
            "down", .init("gr down site", in: .repo, show: .last),
            .init("gr down", in: .repo, show: .last),
            .init("gr down --rm", in: .repo, show: .last), .init("gr down", in: .repo),
            .init("gr down --json", in: .repo, show: .json)),
    ]

    static let daemon = [
        CommandPart(
            "daemon status", .init("gr daemon status"), .init("gr daemon status", 3, in: .spare),
            .init("gr daemon status -q", 3, in: .spare),
            .init("gr daemon status --json", show: .json)),
        CommandPart(
            "daemon start", .init("gr daemon start --listen 127.0.0.1:0", in: .spare),
            .init("gr daemon start", in: .spare),
            .init("gr daemon start --json", in: .spare, show: .json)
        ),
        CommandPart(
            "daemon logs", .init("gr daemon logs -n 1", in: .spare), .init("gr daemon logs", 1),
            .init("gr daemon logs -n x", 2, in: .spare),
            .init("gr daemon logs --json", in: .spare, show: .jsonLines)),
        CommandPart(
            "daemon stop", .init("gr daemon stop", in: .spare), .init("gr daemon stop", in: .spare),
            .init("gr ls", in: .spare),
            .init("gr daemon stop --json", in: .spare, show: .json)),
        CommandPart(
            "daemon install", .init("gr daemon install --print", in: .spare),
            .init("gr daemon install --print --json", in: .spare, show: .json)),
        CommandPart(
            "serve", .init("gr serve --listen 127.0.0.1:0", in: .spare, until: "started"),
            .init("gr serve --listen nowhere", 2, in: .spare),
            .init("gr serve --prot 1", 2, in: .spare)),
    ]
}
