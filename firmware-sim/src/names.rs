//! Names of invented compounds, and of the real subdistricts they are placed in.

/// First halves: scenery, Chinese and in letters.
const FIRST: [(&str, &str); 24] = [
    ("云杉", "yunshan"),
    ("晴川", "qingchuan"),
    ("望禾", "wanghe"),
    ("槐荫", "huaiyin"),
    ("松涛", "songtao"),
    ("竹溪", "zhuxi"),
    ("梧桐", "wutong"),
    ("清荷", "qinghe"),
    ("杏林", "xinglin"),
    ("柳岸", "liuan"),
    ("银杏", "yinxing"),
    ("秋实", "qiushi"),
    ("春泽", "chunze"),
    ("朝霞", "zhaoxia"),
    ("明湖", "minghu"),
    ("碧桐", "bitong"),
    ("海棠", "haitang"),
    ("丁香", "dingxiang"),
    ("紫藤", "ziteng"),
    ("月桂", "yuegui"),
    ("星河", "xinghe"),
    ("雨花", "yuhua"),
    ("长风", "changfeng"),
    ("暖阳", "nuanyang"),
];

/// Second halves.
const SECOND: [(&str, &str); 6] = [
    ("家园", "jiayuan"),
    ("北里", "beili"),
    ("南里", "nanli"),
    ("东苑", "dongyuan"),
    ("西苑", "xiyuan"),
    ("新村", "xincun"),
];

/// Places of the Huilongguan-Tiantongyuan area.
const SUBDISTRICTS: [(&str, &str); 7] = [
    ("回龙观街道", "Huilongguan Subdistrict"),
    ("龙泽园街道", "Longzeyuan Subdistrict"),
    ("史各庄街道", "Shigezhuang Subdistrict"),
    ("霍营街道", "Huoying Subdistrict"),
    ("天通苑北街道", "Tiantongyuan North Subdistrict"),
    ("天通苑南街道", "Tiantongyuan South Subdistrict"),
    ("东小口镇", "Dongxiaokou Town"),
];

/// Property companies, without a real name among them.
const COMPANIES: [&str; 9] = [
    "物业一公司/Property Company 1",
    "物业二公司/Property Company 2",
    "物业三公司/Property Company 3",
    "物业四公司/Property Company 4",
    "物业五公司/Property Company 5",
    "物业六公司/Property Company 6",
    "物业七公司/Property Company 7",
    "物业八公司/Property Company 8",
    "物业九公司/Property Company 9",
];

fn pick<T: Copy>(table: &[T], index: usize) -> Option<T> {
    table.get(index.checked_rem(table.len())?).copied()
}

/// Slug, Chinese and English name of compound `index`; different for every index.
pub fn compound(index: usize) -> (String, String, String) {
    let names = FIRST.len() * SECOND.len();
    let (first_zh, first) = pick(&FIRST, index).unwrap_or_default();
    let (second_zh, second) = pick(&SECOND, index / FIRST.len()).unwrap_or_default();
    let phase = index / names + 1;
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    let en = format!("{} {}", capital(first), capital(second));
    if phase == 1 {
        return (
            format!("{first}-{second}"),
            format!("{first_zh}{second_zh}"),
            en,
        );
    }
    (
        format!("{first}-{second}-{phase}"),
        format!("{first_zh}{second_zh}{phase}期"),
        format!("{en} Phase {phase}"),
    )
}

/// Chinese and English name of the subdistrict of compound `index`: neighbours share one.
pub fn subdistrict(index: usize) -> (&'static str, &'static str) {
    pick(&SUBDISTRICTS, index / 19).unwrap_or_default()
}

/// The property company of compound `index`.
pub fn company(index: usize) -> &'static str {
    pick(&COMPANIES, index * 5 + index / 9).unwrap_or_default()
}
