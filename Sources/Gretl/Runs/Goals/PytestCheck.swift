// The goal `pytest`: runs the project's tests and reads what pytest says of each in its own report,
// which comes through a pipe: nothing is left in the project, and nothing outside it is written. A
// second pipe has the name of the last test that was started, for a run that does not end.

import NetCore

/// One run of pytest.
@ReactorActor
struct PytestCheck {
    private let check: GoalCheck

    init(_ check: GoalCheck) { self.check = check }

    /// As `python -m pytest`, but it tells which test it starts.
    private static let script = """
        import os, sys
        try:
            import pytest
        except ImportError:
            sys.exit(97)
        class Started:
            def pytest_runtest_logstart(self, nodeid, location):
                os.write(4, nodeid.encode("utf-8", "replace")[:1000] + b"\\n")
        sys.exit(pytest.main(sys.argv[1:], plugins=[Started()]))
        """
    private static let noPytest = 97
    private static let arguments = [
        "-q", "--no-header", "--tb=short", "--color=no", "-p", "no:cacheprovider",
        "-o", "junit_family=xunit2", "--junitxml=/dev/fd/3",
    ]

    /// `limit` is another than the goal's in tests only.
    func run(limit: Duration = GoalKind.pytest.command.limit) async -> GoalVerdict {
        let folder = check.context.folder
        let path = check.programs.environment.path
        let found = try? await check.programs.background.perform {
            PythonProgram.find(in: folder, path: path)
        }
        let python = found ?? ["python3"]
        var request = check.request(
            python + ["-c", PytestCheck.script] + PytestCheck.arguments, limit)
        request.reports = 2
        let result = await check.programs.run(request, in: check.context)
        let report = result.reports.first
        let started = result.reports.last.map { PytestCheck.lastLine($0) } ?? ""
        guard case .exited(let code) = result.ending else {
            let last = started.isEmpty ? "" : "; the last test that was started is \(started)"
            return check.unfinished(result, "pytest", limit, further: last)
        }
        let bytes = report.map { $0.cut > 0 ? $0.head : $0.head + $0.tail } ?? []
        let parsed = try? await check.programs.background.perform { JUnitReport(bytes) }
        return verdict(code, parsed ?? nil, result, python: python[0])
    }

    private func verdict(
        _ code: Int, _ report: JUnitReport?, _ result: ProgramResult, python: String
    ) -> GoalVerdict {
        let failures = (report?.failures ?? []).map { failure in
            failure.message.isEmpty ? failure.name : "\(failure.name): \(failure.message)"
        }
        let (isAchieved, reason) = PytestCheck.judge(code, report, python: python)
        return GoalVerdict(
            isAchieved: isAchieved, reason: reason,
            details: GoalDetails.make(
                exit: code, result.duration, failures: failures,
                output: ProgramText.tail(result.output, bytes: GoalDetails.outputMost),
                counts: report))
    }

    /// What exit code and report say together: neither is believed alone.
    nonisolated static func judge(
        _ code: Int, _ report: JUnitReport?, python: String
    ) -> (Bool, String) {
        switch code {
        case 0:
            guard let report, report.isWhole else {
                return (false, "pytest ended well, but its report is missing or breaks off")
            }
            guard report.failed == 0, report.passed > 0 else {
                return (
                    false,
                    "No test passed (failed: \(report.failed), "
                        + "skipped: \(report.skipped))"
                )
            }
            let skipped = report.skipped > 0 ? " (\(report.skipped) skipped)" : ""
            return (true, "All \(report.passed) tests passed\(skipped)")
        case 1, 2:
            guard let report, report.failed > 0 else {
                return (
                    false,
                    code == 1
                        ? "pytest failed with exit code 1" : "pytest was interrupted (exit code 2)"
                )
            }
            return (
                false,
                "\(report.failed) test(s) failed out of \(report.total) "
                    + "(passed: \(report.passed))"
            )
        case 3: return (false, "pytest had an internal error (exit code 3)")
        case 4: return (false, "pytest was called wrongly, or its configuration is wrong")
        case 5: return (false, "No tests were collected")
        case noPytest: return (false, "pytest is not installed for \(python)")
        case 127: return (false, "\(python) was not found")
        default: return (false, "pytest ended with exit code \(code)")
        }
    }

    nonisolated static func lastLine(_ output: HeadAndTail) -> String {
        let bytes = output.cut > 0 ? output.tail : output.head + output.tail
        let line = bytes.split(separator: UInt8(ascii: "\n")).last ?? []
        return ClusterFailure.clean(String(decoding: line, as: UTF8.self), most: 300)
    }
}
