//! Aligned tables for terminals, also where a cell is in Chinese: its characters are two wide.

use unicode_width::UnicodeWidthStr;

/// Rows of cells in columns, two blanks apart; no blanks at the ends of lines.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            let width = cell.width();
            match widths.get_mut(index) {
                Some(known) => *known = (*known).max(width),
                None => widths.push(width),
            }
        }
    }
    let lines: Vec<String> = (rows.iter())
        .map(|row| {
            let cells = row.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, width)| {
                    let blanks = width.saturating_sub(cell.width());
                    format!("{cell}{}", " ".repeat(blanks))
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

/// A row of texts.
pub fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_also_in_chinese() {
        let rows = [
            row(["名称", "x"]),
            row(["abcdef", "y"]),
            row(["距离mm", "z"]),
        ];
        assert_eq!(table(&rows), "名称    x\nabcdef  y\n距离mm  z");
    }
}
