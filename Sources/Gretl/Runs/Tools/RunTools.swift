// All tools of runs behind one door: those that work on files and those that run programs.

package import NetCore

/// Sends each call to what runs it.
@ReactorActor
package final class RunTools: ToolBox {
    private let files: FileTools
    private let programs: ProgramTools

    package init(files: FileTools, programs: ProgramTools) {
        self.files = files
        self.programs = programs
    }

    package func run(_ call: ToolCall, in context: ToolContext) async -> ToolOutcome {
        ProgramTools.names.contains(call.name)
            ? await programs.run(call, in: context) : await files.run(call, in: context)
    }
}
