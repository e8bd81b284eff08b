package identity

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Look returns the key of how a name looks as it is written, or "" where that
// is its Key. Two names look alike if a key or a look of one is a key or a look
// of the other.
//
// A Key folds case first, which tells nothing of capitals: the Greek ΝΙΝΑ is
// νινα by its key and NINA by its look. A look also joins what Unicode
// Technical Standard 39 calls confusable across scripts, and those letters and
// sequences of one script that readers of it cannot tell apart. What they can,
// it leaves apart: I and l, rn and m, Thai ด and ต, Han 土 and 士.
func (n Names) Look(name string) string {
	plain := norm.NFD.String(tidy(name))
	look := lookOf(capitals.Replace(plain))
	// A letter of Greek or Cyrillic that looks like no other tells the whole
	// name from others, whatever its capitals look like.
	if strings.ContainsFunc(look, func(r rune) bool {
		return unicode.In(r, unicode.Greek, unicode.Cyrillic) && !unicode.Is(phonetic, r)
	}) {
		look = lookOf(plain)
	}
	if look == n.Key(name) {
		return ""
	}
	return look
}

func lookOf(text string) string {
	return norm.NFC.String(twins.Replace(variants.Replace(cases.Fold().String(text))))
}

// capitals maps capital letters that look like those of another alphabet.
// Phonetic letters, which no name has, stand for those that Greek shares with
// Cyrillic only.
var capitals = strings.NewReplacer(
	// Greek
	"Α", "A", "Β", "B", "Ε", "E", "Ζ", "Z", "Η", "H", "Ι", "I", "Κ", "K", "Μ", "M", "Ν", "N", "Ο", "O",
	"Ρ", "P", "Τ", "T", "Υ", "Y", "Χ", "X", "Ϲ", "C", "Ϳ", "J",
	// Greek and Cyrillic
	"Γ", "ᴦ", "Г", "ᴦ", "Π", "ᴨ", "П", "ᴨ", "Φ", "ɸ", "Ф", "ɸ", "Λ", "ᴧ", "Л", "ᴧ",
	// Armenian
	"Տ", "S", "Լ", "L",
	// Latin
	"Ð", "Đ", "Ɖ", "Đ",
)

// variants maps letters, and sequences of them, to the one that they look like,
// of text that is case folded and taken apart.
var variants = strings.NewReplacer(
	// Arabic: the letters of Persian, Urdu and others, and their digits
	"ی", "ي", "ى", "ي", "ک", "ك", "ڪ", "ك", "ہ", "ه", "ھ", "ه", "ە", "ه", "ۃ", "ة",
	"۰", "٠", "۱", "١", "۲", "٢", "۳", "٣", "۷", "٧", "۸", "٨", "۹", "٩",
	// Japanese: kana that look like Han letters, or like kana of the other kind
	"ニ", "二", "ロ", "口", "カ", "力", "タ", "夕", "エ", "工", "ト", "卜", "ハ", "八", "オ", "才", "ヌ", "又",
	"ム", "厶", "ヒ", "匕", "ノ", "丿", "ー", "一", "へ", "ヘ",
	// Han letters that differ by the country's type
	"囗", "口", "併", "倂", "值", "値", "啟", "啓", "戶", "戸", "晚", "晩", "研", "硏", "絶", "絕", "郎", "郞",
	"鎮", "鎭", "黒", "黑", "柿", "杮", "填", "塡", "壿", "墫", "媯", "嬀", "潙", "溈", "兌", "兑", "説", "說",
	"隸", "隷", "虁", "蘷", "帲", "帡", "胐", "朏", "肦", "朌", "脁", "朓", "輧", "軿", "豣", "豜",
	// Latin: modifiers like apostrophes, clicks, marks that hide or look alike
	"ʼ", "'", "ʻ", "'", "ʽ", "'", "ʾ", "'", "ʿ", "'", "ʹ", "'", "ˈ", "'", "ˊ", "'", "ˋ", "'",
	"ǀ", "l", "ǁ", "ll", "ǝ", "ə", "ȷ", "j", "ƿ", "p", "i\u0307", "i", "j\u0307", "j", "ı\u0307", "i",
	"\u0327", "\u0326", "\u030c", "\u0306", "\u0305", "\u0304", "\u0342", "\u0303",
	"\u0335", "", "\u0336", "", "\u0337", "", "\u0338", "",
	// Cyrillic and Greek
	"ә", "ə", "ө", "ɵ", "ӕ", "æ", "ԑ", "ɛ", "ϲ", "c", "ϳ", "j",
	// Georgian, Ethiopic, Myanmar, Khmer, Thai, Lao
	"ჿ", "o", "ყ", "y", "ዐ", "o", "ሀ", "u", "၀", "o", "ဝ", "o", "ဩ", "သြ", "ဪ", "သြော်", "ឣ", "អ",
	"แ", "เเ", "ๅ", "า", "ແ", "เเ", "ຈ", "จ", "ບ", "บ", "ປ", "ป", "ຝ", "ฝ", "ພ", "พ", "ຟ", "ฟ", "ຍ", "ย",
	"ເ", "เ", "າ", "า", "ຸ", "ุ", "ູ", "ู", "ໍ", "ํ", "່", "่", "້", "้", "໊", "๊", "໋", "๋",
	// Kannada like Telugu, and the letters of both that are noughts
	"ಅ", "అ", "ಆ", "ఆ", "ಇ", "ఇ", "ಐ", "ఐ", "ಒ", "ఒ", "ಔ", "ఔ", "ಓ", "ఓ", "ಗ", "గ", "ಜ", "జ", "ಝ", "ఝ",
	"ಞ", "ఞ", "ಣ", "ణ", "ದ", "ద", "ನ", "న", "ಯ", "య", "ರ", "ర", "ಱ", "ఱ", "ಲ", "ల", "ಳ", "ళ", "ಿ", "ి",
	"ು", "ు", "ೃ", "ృ", "೧", "౧", "೨", "౨", "೯", "౯", "ಂ", "o", "೦", "o", "ం", "o", "౦", "o", "ം", "o", "൦", "o",
	"ఓ", "ఒౕ", "ఔ", "ఒౌ", "ౠ", "ఋా", "ౡ", "ఌా",
	// Malayalam like Tamil, and Tamil digits like letters
	"ണ", "ண", "ഴ", "ழ", "ശ", "ஶ", "റ", "ര", "ി", "ி", "െ", "ெ", "േ", "ே", "ൈ", "ெெ",
	"௧", "க", "௨", "உ", "௪", "ச", "௬", "சு", "௭", "எ", "௮", "அ", "ௗ", "ள", "ஊ", "உள",
	"ഈ", "ഇൗ", "ഊ", "ഉൗ", "ഐ", "ெഎ", "ഓ", "ഒാ", "ഔ", "ഒൗ",
	// Gujarati and Gurmukhi like Devanagari
	"ર", "२", "૨", "२", "૪", "४", "ટ", "ट", "ਟ", "ट", "ਠ", "ठ", "ੑ", "॑",
	// Vowels of Indic scripts that are written with others
	"अाे", "ओ", "अाै", "औ", "अाॅ", "ऑ", "अाॆ", "ऒ", "अा", "आ", "अो", "ओ", "अौ", "औ", "अॉ", "ऑ", "अॊ", "ऒ",
	"अॅ", "ॲ", "अॆ", "ऄ", "आे", "ओ", "आै", "औ", "एे", "ऐ", "एॅ", "ऍ", "एॆ", "ऎ", "र्इ", "ई",
	"ाे", "ो", "ाै", "ौ", "ाॅ", "ॉ", "ाॆ", "ॊ",
	"অা", "আ", "অাে", "ও", "ঋৃ", "ৠ",
	"અાે", "ઓ", "અાૈ", "ઔ", "અાૅ", "ઑ", "અા", "આ", "અો", "ઓ", "અૌ", "ઔ", "અૉ", "ઑ", "અૅ", "ઍ", "અે", "એ", "અૈ", "ઐ",
	"ਅਾ", "ਆ", "ਅੈ", "ਐ", "ਅੌ", "ਔ", "ੲਿ", "ਇ", "ੲੀ", "ਈ", "ੲੇ", "ਏ", "ੳੁ", "ਉ", "ੳੂ", "ਊ",
	"ଅା", "ଆ", "අා", "ආ", "එ්", "ඒ", "එෙ", "ඓ",
)
