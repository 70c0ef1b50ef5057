// @ts-check
/** Everything that the page says, in English; `{name}` is filled in. Other languages have the same keys (tests/page/text.test.js). */

export const en = {
  // Start picture
  badPicture: "This picture cannot be used",
  badPictureAdvice: "Choose another one, or save it anew as PNG or JPEG.",
  pictureDamaged: "This is no picture that the browser can read, or it is damaged.",
  pictureHuge: "This picture has {megapixels} megapixels; {most} are the most that can be used.",
  focusAcross: "Part shown, from left to right",
  focusDown: "Part shown, from top to bottom",
  strengthWhole: "0 keeps the picture; at 1 hardly anything of it is left.",
  strengthRegion: "0 keeps the painted region too; at 1 it is drawn without regard to what was there.",
  pixels: "{count} px",
  compareShare: "{percent} % of the width shows “{name}”",
};

/** @typedef {keyof typeof en} Key */
