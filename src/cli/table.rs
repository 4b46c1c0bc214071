//! Tables for people: columns as wide as they must be, nothing cut.

/// The rows below their titles, the columns aligned. Each row is one line, whatever is in its cells.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let flat = |cell: &String| cell.replace(['\n', '\t'], " ");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(flat).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|it| it.chars().count());
        cells.chain([titles[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut titles.iter().copied());
    for row in &rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn a_row_is_a_line() {
        let rows = [vec!["a\nb".into(), "c\td".into()], vec!["e".into(), "f".into()]];
        assert_eq!(table(&["ID", "STATE"], &rows), "ID   STATE\na b  c d\ne    f\n");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["pm2/ä".into(), "x".into()], vec!["p".into(), String::new()]];
        assert_eq!(table(&["ID", "STATE"], &rows), "ID     STATE\npm2/ä  x\np\n");
    }
}
