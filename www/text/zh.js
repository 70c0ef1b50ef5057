// @ts-check
/** 页面上的全部文字。 */

/** @type {Record<import("./en.js").Key, string>} */
export const zh = {
  // Start picture
  badPicture: "无法使用这张图片",
  badPictureAdvice: "请换一张图片，或将其重新保存为 PNG 或 JPEG 格式。",
  pictureDamaged: "浏览器无法读取此文件：它不是图片，或者已经损坏。",
  pictureHuge: "这张图片有 {megapixels} 百万像素，最多只能使用 {most} 百万像素的图片。",
  focusAcross: "显示区域（从左到右）",
  focusDown: "显示区域（从上到下）",
  strengthWhole: "0 表示保留原图；1 表示几乎不保留原图内容。",
  strengthRegion: "0 表示涂抹区域也保持不变；1 表示完全重绘该区域，不参考原有内容。",
  pixels: "{count} 像素",
  compareShare: "“{name}”占画面宽度的 {percent}%",
};
