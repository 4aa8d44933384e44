"""Invented names from many scripts. Nobody real is meant: places, weather, animals, things."""

NAMES = (
    "Mistral", "夜の灯台", "Полярная сова", "صدى الجبل", "Señal Lenta", "푸른 고래", "क्षितिज", "Kızıl Tilki",
    "Ljómandi", "น้ำค้าง", "Đom Đóm", "Ηχώ του βράχου", "נחל שקט", "Ostseewind", "竹林小雨", "Żółty Żuraw",
    "ქარიშხალი", "Rainha da Maré", "மழைத்துளி", "Blåbærbakken", "ሰማያዊ ወፍ", "Pixel Otter", "雪見だいふく", "Лунный кит",
    "Ἀλκυών", "Fenouil Fou", "নদীর বাঁক", "Čmelák", "Արևածագ", "Northern Static", "달빛 여우", "نجمة الصبح",
    "Tūī Song", "Räven Rask", "秋刀鱼", "Papagaio Azul", "తెల్ల కొంగ", "Süßer Senf", "Велика Ведмедиця", "Maple & Moss",
    "ພູຜາ", "Hős Hörcsög", "کوه بلند", "Quokka 9", "波乗りペンギン", "Ñandú Veloz", "ಗಾಳಿಪಟ", "Šumava",
    "Tidal Fox", "מגדלור", "Kolibřík", "ਤਾਰਾ", "Жар-птица", "Brume d'Été", "သစ်တော", "Cometa Rossa",
    "구름 사냥꾼", "Þrumufugl", "ពពក", "Aurora Süd", "赤い自転車", "Gökkuşağı", "Słony Karmel", "Vihreä Kettu",
    "ઉગતો સૂર્ય", "Brave Biscuit", "Ночной трамвай", "قهوة باردة", "Ilmatar Õun", "Zelený čaj", "മഴവില്ല്", "Manta Rei",
    "Kapitän Keks", "风筝与云", "Strada Nebbia", "Синя Квітка", "Umoya", "Sjöstjärna", "Ćma Nocna", "Ceibo",
    "Owl O'Clock", "月とスニーカー", "Rumšiškės", "Căprioara", "Κύμα", "Pluie d'Or", "바람개비", "Upepo Mkali",
    "Zmaj od Papira", "Hafermond", "सागर किनारा", "Lluvia Fina", "雨森", "Moana Iti", "Öresund 7", "Снежный барс",
    "Mango Tango", "ŋalgi", "Wełniany Mamut", "Ecklicht",
)  # fmt: skip

CHEAT_NAMES = {
    "fixed_interval": "Metronom",
    "score_inflation": "Always 100",
    "burst": "Tap Tap Tap Tap",
    "cooldown_sniper": "Stroke of Midnight",
    "gaussian_jitter": "Bell Curve",
}


def honest_name(number: int) -> str:
    """The name of the honest player ``number``, counted from 0; always the same."""
    lap, place = divmod(number, len(NAMES))
    return NAMES[place] if not lap else f"{NAMES[place]} {lap + 1}"


def cheat_name(family: str, number: int) -> str:
    """The name of the account ``number`` of a family, counted from 0."""
    name = CHEAT_NAMES.get(family) or family.replace("_", " ").capitalize()
    return name if not number else f"{name} {number + 1}"


def other_name(name: str, attempt: int) -> str:
    """A name beside one that somebody else has: "Name 1-2", "Name 1-3" and so on."""
    return f"{name} 1-{attempt + 1}"
