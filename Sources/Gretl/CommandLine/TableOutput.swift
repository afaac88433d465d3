// Aligned columns: the service list, and the lines of a detailed view.
//
// Commands give it finished, escaped cells. On a narrow terminal it leaves columns out rather than
// break lines; into a pipe it always writes all of them.

struct TableOutput {
    /// One column.
    struct Column {
        let title: String
        var isNumber = false
        /// When the terminal is too narrow, the column with the greatest number goes first; 0
        /// stays.
        var expendability = 0
    }

    /// One cell.
    struct Cell {
        let text: String
        var ink: Ink?

        init(_ text: String, _ ink: Ink? = nil) {
            self.text = text
            self.ink = ink
        }
    }

    private static let gap = "  "
    let columns: [Column]
    private var rows: [[Cell]] = []

    init(columns: [Column]) {
        self.columns = columns
    }

    /// `cells` has one cell for each column.
    mutating func add(_ cells: [Cell]) {
        precondition(cells.count == columns.count)
        rows.append(cells)
    }

    /// The lines; `most` is the width they should fit in.
    func text(_ style: OutputStyle, within most: Int?) -> String {
        let widths = columns.indices.map { index in
            rows.reduce(DisplayText.width(columns[index].title)) {
                max($0, DisplayText.width($1[index].text))
            }
        }
        let shown = shownColumns(widths, within: most)
        let header = columns.map { Cell($0.title, .strong) }
        return ([header] + rows).map { line($0, shown, widths, style) }.joined()
    }

    private func shownColumns(_ widths: [Int], within most: Int?) -> [Int] {
        var shown = Array(columns.indices)
        guard let most else { return shown }
        while shown.reduce(-Self.gap.count, { $0 + widths[$1] + Self.gap.count }) > most {
            let expendable = shown.filter { columns[$0].expendability > 0 }
            guard
                let next = expendable.max(by: {
                    columns[$0].expendability < columns[$1].expendability
                })
            else { break }
            shown.removeAll { $0 == next }
        }
        return shown
    }

    private func line(
        _ cells: [Cell], _ shown: [Int], _ widths: [Int], _ style: OutputStyle
    ) -> String {
        var line = ""
        for index in shown {
            let isLast = index == shown.last
            let column = columns[index]
            let text =
                isLast && !column.isNumber
                ? cells[index].text
                : DisplayText.padded(
                    cells[index].text, to: widths[index], toRight: column.isNumber)
            line += style.paint(text, cells[index].ink) + (isLast ? "" : Self.gap)
        }
        return line + "\n"
    }
}
