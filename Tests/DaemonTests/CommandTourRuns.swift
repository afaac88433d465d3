// The part of the tour that is about agent runs: without any, since a run needs a model. What the
// commands do with one is tested elsewhere.

extension CommandTour {
    static let runs = [
        CommandPart(
            "run", .init("gr run nonsense", 1), .init("gr run pytest", 1),
            .init("gr run pytest --max-cost x", 2),
            .init("gr run pytest --model nobody/nothing --json", 1),
            .init("gr run pytest --cwd missing", 1)),
        CommandPart(
            "runs ls", .init("gr runs ls"), .init("gr runs ls --json"),
            .init("gr runs ls --status odd", 2)),
        CommandPart(
            "runs show", .init("gr runs show", 2), .init("gr runs show nobody", 4),
            .init("gr runs show nobody --json", 4)),
        CommandPart("runs logs", .init("gr runs logs", 2), .init("gr runs logs nobody --json", 4)),
        CommandPart(
            "runs resume", .init("gr runs resume", 2), .init("gr runs resume nobody --json", 4),
            .init("gr runs resume nobody maybe", 2)),
        CommandPart(
            "runs abort", .init("gr runs abort", 2), .init("gr runs abort nobody --json", 4)),
        CommandPart("runs rm", .init("gr runs rm", 2), .init("gr runs rm nobody --json", 4)),
    ]
}
